import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";

export const MOUNT = "/sys/fs/cgroup/memory";
export const MIB = 1024 * 1024;

/** A memory cgroup (v1) of a test's own. Paths are relative to the mount, as the guard prints them. */
export class TestCgroup {
  readonly path: string;
  readonly directory: string;

  constructor(path: string, limitBytes?: number) {
    this.path = path;
    this.directory = `${MOUNT}${path}`;
    mkdirSync(this.directory, { recursive: true });
    if (limitBytes !== undefined) this.limit(limitBytes);
  }

  /** A top cgroup nobody else uses; tests make theirs below it and point the guard at it. */
  static top(): TestCgroup {
    return new TestCgroup(`/oom-guard-test-${process.pid}-${Math.random().toString(36).slice(2, 8)}`);
  }

  child(name: string, limitBytes?: number): TestCgroup {
    return new TestCgroup(`${this.path}/${name}`, limitBytes);
  }

  /** A child that the guard has had the time to arm: the kernel takes some 20 ms to register a threshold. */
  async armedChild(name: string, limitBytes: number): Promise<TestCgroup> {
    const child = this.child(name, limitBytes);
    await Bun.sleep(100);
    return child;
  }

  get procsFile(): string {
    return `${this.directory}/cgroup.procs`;
  }

  limit(bytes: number): void {
    this.write("memory.limit_in_bytes", String(bytes));
  }

  write(file: string, text: string): void {
    writeFileSync(`${this.directory}/${file}`, text);
  }

  read(file: string): string {
    return readFileSync(`${this.directory}/${file}`, "utf8");
  }

  number(file: string): number {
    return Number(this.read(file));
  }

  get usageBytes(): number {
    return this.number("memory.usage_in_bytes");
  }

  /** What the kernel's own OOM killer has shot in this cgroup: the figure everything here is about. */
  get oomKills(): number {
    return Number(/^oom_kill (\d+)$/m.exec(this.read("memory.oom_control"))?.[1]);
  }

  /** A field of memory.stat. */
  stat(field: string): number {
    return Number(new RegExp(`^${field} (\\d+)$`, "m").exec(this.read("memory.stat"))?.[1]);
  }

  get pids(): number[] {
    return this.read("cgroup.procs").trim().split("\n").filter(Boolean).map(Number);
  }

  /** Ends what is left in it and below it, and removes it. */
  async remove(): Promise<void> {
    if (!existsSync(this.directory)) return;
    const directories = [...below(this.directory), this.directory];
    for (const directory of directories) {
      for (let tries = 0; existsSync(directory); tries++) {
        for (const pid of readFileSync(`${directory}/cgroup.procs`, "utf8").split("\n").filter(Boolean)) {
          process.kill(Number(pid), "SIGKILL");
        }
        try {
          rmdirSync(directory);
        } catch (error) {
          if (tries > 500) throw error;
          await Bun.sleep(10);
        }
      }
    }
  }
}

/** Directories below one, deepest first. */
function below(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => [...below(`${directory}/${entry.name}`), `${directory}/${entry.name}`]);
}
