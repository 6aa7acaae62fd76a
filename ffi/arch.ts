/** What differs between the two machine kinds the guard runs on (uapi headers of x86 and arm64). */
interface Arch {
  readonly O_DIRECTORY: number;
  /** struct epoll_event is packed on x86-64 only: 4 bytes of events, then the 8 bytes of data. */
  readonly epollEventBytes: number;
  readonly epollDataOffset: number;
  readonly SYS_getdents64: number;
  readonly SYS_fstat: number;
  readonly SYS_newfstatat: number;
  readonly SYS_memfd_create: number;
  readonly SYS_mlock2: number;
  /** Where st_nlink, st_mode and st_rdev lie in struct stat. */
  readonly linkCountOffset: number;
  readonly modeOffset: number;
  readonly deviceOffset: number;
}

const arches: Readonly<Record<string, Arch>> = {
  x64: {
    O_DIRECTORY: 0o200000,
    epollEventBytes: 12,
    epollDataOffset: 4,
    SYS_getdents64: 217,
    SYS_fstat: 5,
    SYS_newfstatat: 262,
    SYS_memfd_create: 319,
    SYS_mlock2: 325,
    linkCountOffset: 16,
    modeOffset: 24,
    deviceOffset: 40,
  },
  arm64: {
    O_DIRECTORY: 0o40000,
    epollEventBytes: 16,
    epollDataOffset: 8,
    SYS_getdents64: 61,
    SYS_fstat: 80,
    SYS_newfstatat: 79,
    SYS_memfd_create: 279,
    SYS_mlock2: 284,
    linkCountOffset: 20,
    modeOffset: 16,
    deviceOffset: 32,
  },
};

/** Layouts and numbers for the named architecture. @throws for one the guard was never built for. */
export function archNamed(name: string): Arch {
  const found = arches[name];
  if (found === undefined) throw new Error(`oom-guard does not know the ${name} architecture: x64, arm64`);
  return found;
}

export const arch = archNamed(process.arch);
