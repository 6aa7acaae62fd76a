import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";

const MOUNT = "/sys/fs/cgroup";

/** A cgroup of a test's own on cgroup v2. Paths are relative to the mount, as the guard prints them. */
export class UnifiedCgroup {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
    mkdirSync(this.directory);
  }

  /** A top cgroup nobody else uses. */
  static top(): UnifiedCgroup {
    return new UnifiedCgroup(`/oom-guard-test-${process.pid}-${Math.random().toString(36).slice(2, 8)}`);
  }

  /** One below it, with the memory controller; this one must hold no process then. */
  child(name: string): UnifiedCgroup {
    this.write("cgroup.subtree_control", "+memory");
    return new UnifiedCgroup(`${this.path}/${name}`);
  }

  get directory(): string {
    return `${MOUNT}${this.path}`;
  }

  get procsFile(): string {
    return `${this.directory}/cgroup.procs`;
  }

  write(file: string, text: string): void {
    writeFileSync(`${this.directory}/${file}`, text);
  }

  number(file: string): number {
    return Number(readFileSync(`${this.directory}/${file}`, "utf8"));
  }

  /** A field of memory.events: what happened in it and below it. */
  event(name: string): number {
    const text = readFileSync(`${this.directory}/memory.events`, "utf8");
    return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1]);
  }

  /** Ends what is left in it and below it, and removes it. */
  async remove(): Promise<void> {
    this.write("cgroup.kill", "1");
    for (let tries = 0; ; tries++) {
      try {
        removeBelow(this.directory);
        return;
      } catch (error) {
        // EBUSY until its last process is gone.
        if (tries > 500) throw error;
        await Bun.sleep(10);
      }
    }
  }
}

function removeBelow(directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) removeBelow(`${directory}/${entry.name}`);
  }
  rmdirSync(directory);
}
