import { classify } from "../classify.ts";
import { expandCgroupsPath } from "./cgroups-path.ts";

/**
 * The cgroup of a container, out of where its first process is and where the spec says the container goes.
 *
 * The process is the truth about the hierarchy, but it may have moved itself into a child (systemd in a
 * container does), and then the container is the part of the path that its id or its spec names.
 * @param processPath cgroup of the init process, or null when that is gone.
 * @param specPath `linux.cgroupsPath`; called only when needed, since a spec is large.
 */
export function locateCgroup(
  containerId: string,
  processPath: string | null,
  specPath: () => string | null,
): string | null {
  if (processPath === null) {
    const raw = specPath();
    return raw === null ? null : expandCgroupsPath(raw);
  }
  const byId = cutAfterId(processPath, containerId);
  if (byId !== null) return byId;
  const raw = specPath();
  const expected = raw === null ? null : (expandCgroupsPath(raw) ?? `/${raw}`);
  // Not always at the start: runc itself may live below the root (a node in a container).
  const at = expected === null ? -1 : `${processPath}/`.indexOf(`${expected}/`);
  if (expected !== null && at >= 0) return processPath.slice(0, at + expected.length);
  // In another container's: the process ended after the runtime told its pid, and somebody else has the number now.
  if (classify(processPath).containerId !== null) return raw === null ? null : expandCgroupsPath(raw);
  return processPath;
}

function cutAfterId(path: string, id: string): string | null {
  const segments = path.split("/");
  const at = segments.findLastIndex((segment) => segment === id || segment.endsWith(`-${id}.scope`));
  return at < 0 ? null : segments.slice(0, at + 1).join("/");
}
