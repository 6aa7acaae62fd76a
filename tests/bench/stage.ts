import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { placeFile } from "../../src/daemon/followed-log.ts";
import { TestCgroup } from "../support/cgroup.ts";
import { compile } from "../support/compile.ts";
import { type GuardOptions, TestGuard } from "../support/guard.ts";
import { childrenOf, signal } from "../support/processes.ts";
import { unitEnvironment } from "./unit-environment.ts";

/** What cannot be measured here, and what would help: one line for the user. */
export class CannotMeasure extends Error {}

/** Everything the bench makes on this machine. What is made here is taken away by `clear`, whenever that comes. */
export class Stage {
  /** On the disk. */
  readonly folder = mkdtempSync(join(tmpdir(), "oom-guard-bench-"));
  /** In memory that is charged to whoever touches it first. */
  readonly memoryFolder = mkdtempSync("/dev/shm/oom-guard-bench-");
  readonly #tops = new Set<TestCgroup>();
  readonly #guards = new Set<TestGuard>();
  readonly #programs = new Map<string, string>();

  constructor() {
    // The state of the guards goes there too.
    process.env.TMPDIR = this.folder;
  }

  /** A cgroup of the bench's own. */
  top(): TestCgroup {
    const top = TestCgroup.top();
    this.#tops.add(top);
    return top;
  }

  async removeTop(top: TestCgroup): Promise<void> {
    await top.remove();
    this.#tops.delete(top);
  }

  /** Compiles a program of native/, once. @returns its path */
  program(name: string): string {
    const known = this.#programs.get(name);
    if (known !== undefined) return known;
    const out = join(this.folder, name);
    compile(join(import.meta.dir, "native", `${name}.c`), out);
    this.#programs.set(name, out);
    return out;
  }

  /** The smallest program that Bun compiles, with the options of ours: what start and memory cost before a line of it. */
  hello(): string {
    const out = join(this.folder, "hello");
    if (this.#programs.has("hello")) return out;
    const source = join(import.meta.dir, "native", "hello.ts");
    const options = ["--compile", "--bytecode", "--format=esm", "--minify-syntax", "--minify-whitespace"];
    const built = Bun.spawnSync([process.execPath, "build", ...options, `--outfile=${out}`, source]);
    if (built.exitCode !== 0) throw new CannotMeasure(`cannot compile hello.ts: ${built.stderr}`);
    this.#programs.set("hello", out);
    return out;
  }

  /** A guard that guards all that is there, in the environment it has on a node. */
  async guard(options: Omit<GuardOptions, "env">): Promise<TestGuard> {
    const guard = await TestGuard.start({ ...options, env: unitEnvironment() });
    this.#guards.add(guard);
    return guard;
  }

  async stop(guard: TestGuard): Promise<void> {
    this.#guards.delete(guard);
    await guard.stop();
    forget(guard.stateDir);
  }

  /** A configuration that keeps what else runs on this machine out of what is measured. @returns its path */
  configFile(): string {
    const file = join(this.folder, "config.toml");
    writeFileSync(
      file,
      '[runtime]\nsockets = ["/nonexistent/containerd.sock"]\n[kubernetes]\nkubeconfig = "off"\n',
    );
    return file;
  }

  async clear(): Promise<void> {
    await Promise.all([...this.#guards].map((guard) => this.stop(guard)));
    for (const pid of childrenOf(process.pid)) signal(pid, "SIGKILL");
    for (const top of [...this.#tops]) await this.removeTop(top);
    // Also of guards that were still starting.
    for (const name of readdirSync(this.folder)) forget(join(this.folder, name));
    for (const folder of [this.folder, this.memoryFolder]) rmSync(folder, { recursive: true, force: true });
  }
}

/** Removes what a guard with this state directory keeps in /run, for one that comes after it. */
function forget(stateDir: string): void {
  const place = placeFile(stateDir);
  for (const file of [place, place.replace("kernel-log", "black-box")]) rmSync(file, { force: true });
}
