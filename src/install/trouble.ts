/** What failed, as one line with the path and what helps. @param path what was to be written or removed */
export function troubleWith(path: string, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined) return message;
  return `${path}: ${help[code] ?? `failed with ${code}`}`;
}

const READ_ONLY =
  "the file system is read-only: remount it, or build it into the node's image with install --root DIR";
const DENIED = "permission denied: start it as root (as root: see lsattr, or SELinux in the audit log)";

const help: Readonly<Record<string, string>> = {
  EACCES: DENIED,
  EPERM: DENIED,
  EROFS: READ_ONLY,
  EDQUOT: "the disk quota is used up: the executable needs some 120M",
  ENOSPC: "no space left on the device: the executable needs some 120M",
  EIO: "input/output error: see dmesg, the disk may be dying",
  ELOOP: "too many symbolic links on the way",
  ENOTDIR: "a part of its path is a file, not a directory: move it away",
  EEXIST: "a part of its path is a file or a link to nothing: move it away",
  ENOENT: "a part of its path is a link to nothing: make what it points to, or move it away",
  EISDIR: "is a directory: move it away",
};
