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
import { locateMemory } from "../../src/discover/locate-memory.ts";
import { alive, signal } from "../support/processes.ts";

/** What the files of a memory cgroup are called. */
interface Files {
  readonly limit: string;
  readonly usage: string;
  /** The highest usage (v2: 5.19). */
  readonly peak: string;
  /** Where the kernel counts its OOM kills. */
  readonly kills: string;
  /** What keeps it from swapping. */
  readonly noSwap: string;
}

const FILES: Readonly<Record<1 | 2, Files>> = {
  1: {
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    peak: "memory.max_usage_in_bytes",
    kills: "memory.oom_control",
    noSwap: "memory.swappiness",
  },
  2: {
    limit: "memory.max",
    usage: "memory.current",
    peak: "memory.peak",
    kills: "memory.events",
    noSwap: "memory.swap.max",
  },
};

/** A reason, for the person at the terminal, why the demo cannot go on. */
export class CannotShow extends Error {}

/** The cgroup, the folder and the processes of one demo. Whatever happens, `clear` takes all of it away again. */
export class Stage {
  /** Relative to the mount. */
  readonly cgroup = `/oom-guard-demo-${process.pid}`;
  readonly directory: string;
  readonly folder: string;
  readonly #files: Files;
  readonly #children: Bun.Subprocess[] = [];
  readonly #litter: string[] = [];
  #cleared: Promise<string[]> | null = null;

  /** Makes a cgroup with this limit. @throws CannotShow where that is not possible */
  constructor(limitBytes: number) {
    if (process.getuid?.() !== 0) throw new CannotShow("it makes a cgroup and kills in it, so it needs root");
    const located = locateMemory("auto", "/proc");
    if (!located.ok) throw new CannotShow(`${located.problem}: ${located.fix}`);
    this.#files = FILES[located.mount.version];
    this.directory = `${located.mount.path}${this.cgroup}`;
    try {
      mkdirSync(this.directory);
    } catch (error) {
      throw new CannotShow(`no cgroup can be made here: ${(error as Error).message}`);
    }
    this.folder = mkdtempSync(join(tmpdir(), "oom-guard-demo-"));
    // With swap the kernel would have a way out, and the guard rightly nothing to do. A kernel without swap has no such file.
    if (this.#has(this.#files.noSwap)) this.#write(this.#files.noSwap, "0");
    if (!this.#has(this.#files.limit)) {
      rmdirSync(this.directory);
      throw new CannotShow(
        `cgroups have no memory controller here: echo +memory >${located.mount.path}/cgroup.subtree_control`,
      );
    }
    this.#write(this.#files.limit, String(limitBytes));
  }

  /** What the cgroup uses now. */
  get usageBytes(): number {
    return this.#number(this.#files.usage);
  }

  /** The highest usage that the kernel saw; null where it does not keep that (v2 before 5.19). */
  get peakBytes(): number | null {
    return this.#has(this.#files.peak) ? this.#number(this.#files.peak) : null;
  }

  /** How many processes of the cgroup the kernel's own OOM killer has shot. */
  oomKills(): number {
    const count = /^oom_kill (\d+)$/m.exec(this.#read(this.#files.kills))?.[1];
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

  /** Notes what the guard has outside of the folder, so that it goes too: its black box, and what lies beside that. */
  noteBlackBox(pid: number): void {
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      const target = readlinkSync(`/proc/${pid}/fd/${fd}`);
      if (/\/black-box-\w+$/.test(target))
        for (const name of ["black-box", "held", "kernel-log"])
          this.#litter.push(target.replace("/black-box-", `/${name}-`));
    }
  }

  /** Ends and removes everything. @returns what could not be removed */
  clear(): Promise<string[]> {
    this.#cleared ??= this.#clear();
    return this.#cleared;
  }

  #has(file: string): boolean {
    return existsSync(`${this.directory}/${file}`);
  }

  #write(file: string, text: string): void {
    writeFileSync(`${this.directory}/${file}`, text);
  }

  #read(file: string): string {
    return readFileSync(`${this.directory}/${file}`, "utf8");
  }

  #number(file: string): number {
    return Number(this.#read(file));
  }

  async #clear(): Promise<string[]> {
    for (const child of this.#children.reverse()) await end(child);
    for (const file of this.#litter) {
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
