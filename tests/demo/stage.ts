import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { findMemoryMount } from "../../src/discover/mount.ts";
import { alive, signal } from "../support/processes.ts";

/** A reason, for the person at the terminal, why the demo cannot go on. */
export class CannotShow extends Error {}

/** The cgroup, the folder and the processes of one demo. Whatever happens, `clear` takes all of it away again. */
export class Stage {
  /** Relative to the mount. */
  readonly cgroup = `/oom-guard-demo-${process.pid}`;
  readonly directory: string;
  readonly folder: string;
  readonly #children: Bun.Subprocess[] = [];
  readonly #files: string[] = [];
  #cleared: Promise<string[]> | null = null;

  /** Makes a cgroup with this limit. @throws CannotShow where that is not possible */
  constructor(limitBytes: number) {
    if (process.getuid?.() !== 0) throw new CannotShow("it makes a cgroup and kills in it, so it needs root");
    const mount = findMemoryMount(readFileSync("/proc/self/mounts", "utf8"));
    if (mount === null) throw new CannotShow("no memory cgroup is mounted here");
    if (mount.version !== 1) {
      throw new CannotShow("only cgroup v2 is mounted, which this version does not guard yet");
    }
    this.directory = `${mount.path}${this.cgroup}`;
    try {
      mkdirSync(this.directory);
    } catch (error) {
      throw new CannotShow(`no cgroup can be made here: ${(error as Error).message}`);
    }
    this.folder = mkdtempSync(join(tmpdir(), "oom-guard-demo-"));
    // With swap the kernel would have a way out, and the guard rightly nothing to do.
    this.write("memory.swappiness", "0");
    this.write("memory.limit_in_bytes", String(limitBytes));
  }

  write(file: string, text: string): void {
    writeFileSync(`${this.directory}/${file}`, text);
  }

  number(file: string): number {
    return Number(readFileSync(`${this.directory}/${file}`, "utf8"));
  }

  /** How many processes of the cgroup the kernel's own OOM killer has shot. */
  oomKills(): number {
    const control = readFileSync(`${this.directory}/memory.oom_control`, "utf8");
    const count = /^oom_kill (\d+)$/m.exec(control)?.[1];
    if (count === undefined) throw new CannotShow("this kernel (before 4.13) does not count its OOM kills");
    return Number(count);
  }

  /** Starts a process that will not outlive the demo. What it prints goes to a file in the folder. */
  start(name: string, command: string[]): Bun.Subprocess {
    const log = Bun.file(join(this.folder, name));
    // A group of its own: Ctrl-C reaches the demo alone, which then ends things in the right order.
    const child = Bun.spawn(command, { stdio: ["ignore", log, log], detached: true });
    this.#children.push(child);
    return child;
  }

  /** What a process printed so far. */
  printed(name: string): string {
    const file = join(this.folder, name);
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  }

  /** Notes the file outside of the folder that the guard keeps open, its black box, so that it goes too. */
  noteBlackBox(pid: number): void {
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      const target = readlinkSync(`/proc/${pid}/fd/${fd}`);
      if (/\/black-box-\w+$/.test(target)) this.#files.push(target);
    }
  }

  /** Ends and removes everything. @returns what could not be removed */
  clear(): Promise<string[]> {
    this.#cleared ??= this.#clear();
    return this.#cleared;
  }

  async #clear(): Promise<string[]> {
    for (const child of this.#children.reverse()) await end(child);
    for (const file of this.#files) {
      rmSync(file, { force: true });
      removeIfEmpty(dirname(file));
    }
    rmSync(this.folder, { recursive: true, force: true });
    for (let tries = 0; tries < 200 && !removeIfEmpty(this.directory); tries++) {
      for (const pid of this.#pids()) signal(pid, "SIGKILL");
      await Bun.sleep(10);
    }
    return [this.directory, this.folder].filter(existsSync);
  }

  #pids(): number[] {
    try {
      return readFileSync(`${this.directory}/cgroup.procs`, "utf8").split("\n").filter(Boolean).map(Number);
    } catch {
      return [];
    }
  }
}

const PATIENCE_MS = 2000;

async function end(child: Bun.Subprocess): Promise<void> {
  child.kill("SIGTERM");
  await Promise.race([child.exited, Bun.sleep(PATIENCE_MS)]);
  if (alive(child.pid)) child.kill("SIGKILL");
  await child.exited;
}

function removeIfEmpty(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch {
    return !existsSync(directory);
  }
}
