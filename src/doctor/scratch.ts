import { existsSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { makeScratch } from "../cgroup/scratch.ts";

const ENTER_MS = 1000;
const REMOVE_MS = 1000;
const PAUSE_MS = 2;

/** A cgroup of doctor's own, to try the kernel out on processes that nobody needs. */
export class Scratch {
  readonly directory: string;
  /** Relative to the mount. */
  readonly cgroup: string;
  readonly #children: Bun.Subprocess[] = [];

  /** @param procRoot usually "/proc" @throws what node:fs throws */
  constructor(mount: string, procRoot: string) {
    this.cgroup = makeScratch(mount, procRoot);
    this.directory = `${mount}${this.cgroup}`;
  }

  /**
   * Starts a program that is in the cgroup from its first instruction on. Its standard input is a pipe that ends with
   * this process.
   */
  start(cmd: readonly string[]): Bun.Subprocess {
    const enter = 'echo $$ >"$0" && exec "$@"';
    const child = Bun.spawn({
      cmd: ["/bin/sh", "-c", enter, `${this.directory}/cgroup.procs`, ...cmd],
      stdio: ["pipe", "ignore", "ignore"],
    });
    this.#children.push(child);
    return child;
  }

  /** Waits until a process is in it. @returns whether one came in time */
  async isEntered(): Promise<boolean> {
    const deadline = performance.now() + ENTER_MS;
    while (readFileSync(`${this.directory}/cgroup.procs`, "utf8") === "") {
      if (performance.now() > deadline) return false;
      await Bun.sleep(PAUSE_MS);
    }
    return true;
  }

  /** Has what runs in it end at its limits instead of going to swap (cgroup v2). @throws what node:fs throws */
  forbidSwap(): void {
    const file = `${this.directory}/memory.swap.max`;
    // A kernel without swap has no such file.
    if (existsSync(file)) writeFileSync(file, "0");
  }

  /** Ends what was started and removes the cgroup. @throws what node:fs throws, when it cannot be removed */
  async remove(): Promise<void> {
    for (const child of this.#children) {
      child.kill("SIGKILL");
      await child.exited;
    }
    const deadline = performance.now() + REMOVE_MS;
    for (;;) {
      try {
        rmdirSync(this.directory);
        return;
      } catch (error) {
        // EBUSY for a moment after its last process.
        if (performance.now() > deadline) throw error;
        await Bun.sleep(PAUSE_MS);
      }
    }
  }
}
