import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { hierarchy } from "./hierarchy.ts";
import { pause } from "./patience.ts";
import { signal } from "./processes.ts";

export const MIB = 1024 * 1024;

/** A memory cgroup of a test's own. Paths are relative to the mount, as the guard prints them. */
export class TestCgroup {
  readonly path: string;
  readonly directory: string;

  constructor(path: string, limitBytes?: number, isCounted = true) {
    this.path = path;
    this.directory = `${hierarchy.mount}${path}`;
    mkdirSync(dirname(this.directory), { recursive: true });
    // Before the cgroup is there, as systemd and runc do: the guard is told of a new cgroup, not of files that come later.
    if (hierarchy.version === 2 && isCounted) enableMemory(path);
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
    await pause(100);
    return child;
  }

  /**
   * A child in which memory is not counted apart, where the hierarchy knows such: in the unified one a cgroup whose
   * children are counted holds no process of its own.
   */
  uncountedChild(name: string): TestCgroup {
    return new TestCgroup(`${this.path}/${name}`, undefined, false);
  }

  get procsFile(): string {
    return `${this.directory}/cgroup.procs`;
  }

  /** @param bytes -1: none */
  limit(bytes: number): void {
    this.write(hierarchy.limitFile, bytes < 0 ? hierarchy.unlimited : String(bytes));
  }

  write(file: string, text: string): void {
    writeFileSync(`${this.directory}/${file}`, text);
  }

  read(file: string): string {
    return readFileSync(`${this.directory}/${file}`, "utf8");
  }

  get usageBytes(): number {
    return Number(this.read(hierarchy.usageFile));
  }

  /** The most it ever used. */
  get peakBytes(): number {
    return Number(this.read(hierarchy.peakFile));
  }

  get anonBytes(): number {
    return this.#sum(hierarchy.anonFields);
  }

  /** Page cache of files, that of tmpfs not included. */
  get fileCacheBytes(): number {
    return this.#sum(hierarchy.fileCacheFields);
  }

  /** The part of it on the inactive list. */
  get inactiveFileBytes(): number {
    return this.#sum(hierarchy.fileCacheFields.filter((field) => field.includes("inactive")));
  }

  /** What the kernel's own OOM killer has shot in this cgroup: the figure everything here is about. */
  get oomKills(): number {
    return Number(/^oom_kill (\d+)$/m.exec(this.read(hierarchy.oomKillsFile))?.[1]);
  }

  /** Whether nothing is left in it of what a guard may have written. */
  get isUntouched(): boolean {
    return this.read(hierarchy.untouched.file).startsWith(hierarchy.untouched.holds);
  }

  /** A field of memory.stat. */
  stat(field: string): number {
    return Number(new RegExp(`^${field} (\\d+)$`, "m").exec(this.read("memory.stat"))?.[1]);
  }

  get pids(): number[] {
    return this.read("cgroup.procs").trim().split("\n").filter(Boolean).map(Number);
  }

  #sum(fields: readonly string[]): number {
    return fields.reduce((sum, field) => sum + this.stat(field), 0);
  }

  /** Ends what is left in it and below it, and removes it. */
  async remove(): Promise<void> {
    if (!existsSync(this.directory)) return;
    const directories = [...below(this.directory), this.directory];
    for (const directory of directories) {
      for (let tries = 0; existsSync(directory); tries++) {
        for (const pid of readFileSync(`${directory}/cgroup.procs`, "utf8").split("\n").filter(Boolean)) {
          signal(Number(pid), "SIGKILL");
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

/** Has the memory controller count in a cgroup of the unified hierarchy: each one above must ask for it. */
function enableMemory(path: string): void {
  const parent = dirname(path);
  if (parent !== "/") enableMemory(parent);
  const control = `${hierarchy.mount}${parent}/cgroup.subtree_control`;
  if (!readFileSync(control, "utf8").split(/\s/).includes("memory")) writeFileSync(control, "+memory");
}

/** Directories below one, deepest first. */
function below(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => [...below(`${directory}/${entry.name}`), `${directory}/${entry.name}`]);
}
