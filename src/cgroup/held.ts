/** A value the guard has written into a control file of a cgroup, and what is to come back. */
export interface Held {
  /** Relative to the mount. */
  readonly cgroup: string;
  /** Tells the cgroup from a later one of its name. */
  readonly inode: string;
  /** memory.high in bytes, Infinity: "max" (v2); memory.oom_control (v1). */
  readonly found: number;
  /** What the guard has set, and, as the write may not have happened, what it had set before. */
  readonly ours: readonly number[];
}

/** Where it is remembered; outlives the process. */
export interface HeldMemory {
  readonly all: Held[];
  of(cgroup: string): Held | undefined;
  /** Writes down what is about to be set. @throws SysError where it cannot: then it must not be set */
  note(held: Held): void;
  forget(cgroup: string): void;
}
