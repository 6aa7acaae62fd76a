import { closeSync, ftruncateSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MIB } from "../support/cgroup.ts";
import { hierarchy } from "../support/hierarchy.ts";
import type { Arena } from "./arena.ts";
import type { Stage } from "./stage.ts";

/** How memory is filled. */
export interface Load {
  readonly threads: number;
  readonly huge: boolean;
  /** What is free is full of page cache before. */
  readonly isCacheFull: boolean;
}

/** One leak, and what became of it. */
export interface LeakRun {
  /** Kills by the kernel's own OOM killer. */
  readonly oomKills: number;
  /** The most that was used meanwhile: the limit, where it came to stand there. */
  readonly peakBytes: number;
  /** Nobody had killed it in the end. */
  readonly hung: boolean;
  /** Usage as it began. */
  readonly baseBytes: number;
  /** Of each thread, when it had filled which page; empty when nobody asked. */
  readonly stampsNs: readonly (readonly number[])[];
}

const PAGE_BYTES = 4096;
const HUNG_MS = 10_000;

/** Lets leaks loose. */
export class Leaks {
  readonly #stage: Stage;
  readonly #cacheFile: string;
  readonly #stampsFile: string;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#stampsFile = join(stage.memoryFolder, "stamps");
    // One hole: its pages are clean page cache, and cost no disk.
    this.#cacheFile = join(stage.folder, "cache");
    const fd = openSync(this.#cacheFile, "w");
    ftruncateSync(fd, 512 * MIB);
    closeSync(fd);
  }

  /**
   * Runs one to its end.
   * @param ready is waited for when everything is in place, before the first page
   */
  async run(
    arena: Arena,
    load: Load,
    isStamped: boolean,
    ready: () => Promise<void> = async () => {},
  ): Promise<LeakRun> {
    const { cgroup, limitBytes, marginBytes } = arena;
    const before = cgroup.oomKills;
    cgroup.write(hierarchy.peakFile, "0");
    // Each thread could do it alone.
    const bytes = arena.freeBytes + 64 * MIB;
    const stampBytes = (bytes / PAGE_BYTES) * 8;
    // Charged to this process, as it is the first to touch them.
    if (isStamped) writeFileSync(this.#stampsFile, Buffer.alloc(stampBytes * load.threads));
    const child = Bun.spawn(
      [
        this.#stage.program("leak"),
        cgroup.procsFile,
        `${cgroup.directory}/${hierarchy.usageFile}`,
        String(bytes),
        String(load.threads),
        load.huge ? "huge" : "4K",
        isStamped ? this.#stampsFile : "-",
        load.isCacheFull ? this.#cacheFile : "-",
        String(limitBytes - marginBytes / 2),
      ],
      { stdio: ["pipe", "pipe", "inherit"] },
    );
    const reader = child.stdout.getReader();
    const { value, done } = await reader.read();
    if (done) throw new Error(`the leak did not start (exit code ${await child.exited})`);
    await ready();
    let hung = false;
    const timer = setTimeout(() => {
      hung = true;
      child.kill("SIGKILL");
    }, HUNG_MS);
    child.stdin.write("g");
    child.stdin.flush();
    await child.exited;
    clearTimeout(timer);
    if (child.signalCode !== "SIGKILL")
      throw new Error(`the leak ended by itself (exit code ${child.exitCode})`);
    return {
      oomKills: cgroup.oomKills - before,
      peakBytes: cgroup.peakBytes,
      hung,
      baseBytes: Number(Buffer.from(value).toString()),
      stampsNs: isStamped ? this.#stamps(stampBytes, load.threads) : [],
    };
  }

  #stamps(bytesOfAThread: number, threads: number): number[][] {
    const all = readFileSync(this.#stampsFile);
    return Array.from({ length: threads }, (_, thread) => {
      const bytes = all.subarray(thread * bytesOfAThread, (thread + 1) * bytesOfAThread);
      const stamps = new BigUint64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8);
      const end = stamps.indexOf(0n);
      return [...stamps.subarray(0, end < 0 ? stamps.length : end)].map(Number);
    });
  }
}
