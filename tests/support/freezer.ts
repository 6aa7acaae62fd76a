import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { until } from "./until.ts";

const MOUNTED = "/sys/fs/cgroup/freezer";

/**
 * Keeps a process from dying: in a v1 freezer even SIGKILL waits, as in an uninterruptible sleep. The unified hierarchy
 * lets what it has frozen die, but the v1 freezer can be mounted beside it.
 */
export class Freezer {
  readonly #hierarchy: string;
  readonly #directory: string;

  /** @throws when the kernel has no v1 freezer */
  constructor(pid: number) {
    this.#hierarchy = existsSync(MOUNTED) ? MOUNTED : mounted();
    this.#directory = `${this.#hierarchy}/oom-guard-test-${pid}`;
    mkdirSync(this.#directory);
    writeFileSync(`${this.#directory}/cgroup.procs`, String(pid));
    writeFileSync(`${this.#directory}/freezer.state`, "FROZEN");
  }

  /** Lets it go on, and die. A second time does no harm. */
  thaw(): void {
    if (existsSync(this.#directory)) writeFileSync(`${this.#directory}/freezer.state`, "THAWED");
  }

  /** Waits until it is dead, and removes the freezer. */
  async remove(): Promise<void> {
    const procs = `${this.#directory}/cgroup.procs`;
    await until("the freezer is empty", () => readFileSync(procs, "utf8") === "");
    rmdirSync(this.#directory);
    if (this.#hierarchy === MOUNTED) return;
    Bun.spawnSync(["umount", this.#hierarchy]);
    rmdirSync(this.#hierarchy);
  }
}

function mounted(): string {
  const directory = mkdtempSync(`${tmpdir()}/oom-guard-freezer-`);
  const result = Bun.spawnSync(["mount", "-t", "cgroup", "-o", "freezer", "none", directory]);
  if (result.exitCode !== 0) throw new Error(`mount: ${result.stderr}`);
  return directory;
}
