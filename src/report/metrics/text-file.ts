import { rmSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import type { LogLevel } from "../../config/config.ts";
import type { Log } from "../log.ts";
import { printable } from "../text.ts";

/** As often as Prometheus scrapes at its fastest as a rule; node_exporter reads the file at each scrape. */
const INTERVAL_MS = 15_000;
// node_exporter runs as a user of its own. Whatever the umask, which is 0077 in the unit.
const MODE = 0o644;

/**
 * Writes the metrics into a file for node_exporter's textfile collector: whole or not at all, as it may be read at any
 * moment. On other threads, because the disk may take its time.
 */
export class TextFile {
  readonly #text: () => Promise<string>;
  readonly #log: Log;
  #path: string | null = null;
  #dueMs = 0;
  #isWritten = false;
  #writing: Promise<void> | null = null;
  readonly #troubles = new Set<string>();

  /** @param text makes what is written */
  constructor(text: () => Promise<string>, log: Log) {
    this.#text = text;
    this.#log = log;
  }

  /** Whether it writes anywhere. */
  get isOn(): boolean {
    return this.#path !== null;
  }

  /** Writes to this path from now on; null: nowhere. The file written until now is removed. */
  async write(path: string | null): Promise<void> {
    if (path === this.#path) return;
    await this.stop();
    this.#path = path;
    this.#dueMs = 0;
  }

  /**
   * Writes it if it is time. To be called often; resolves when nothing is being written.
   * @param nowMs of a clock that never goes back
   */
  async tick(nowMs: number): Promise<void> {
    if (this.#path !== null && this.#writing === null && nowMs >= this.#dueMs) {
      this.#dueMs = nowMs + INTERVAL_MS;
      this.#writing = this.#replace(this.#path).finally(() => {
        this.#writing = null;
      });
    }
    await this.#writing;
  }

  /**
   * Writes no more, and removes the file: node_exporter would go on to tell its values as if the guard were alive. Left
   * behind by a guard that was killed it shows by its age (node_textfile_mtime_seconds).
   */
  async stop(): Promise<void> {
    const path = this.#path;
    this.#path = null;
    await this.#writing;
    if (path === null) return;
    this.#settle("debug", `nothing is written to ${printable(path)} any more`);
    if (!this.#isWritten) return;
    this.#isWritten = false;
    try {
      rmSync(path, { force: true });
    } catch (error) {
      this.#fails(path, error);
    }
  }

  async #replace(path: string): Promise<void> {
    // In the same folder, for the rename; by a name that node_exporter does not read.
    const next = `${path}.tmp`;
    try {
      await writeNew(next, await this.#text());
      await rename(next, path);
      this.#isWritten = true;
      this.#settle("info", `metrics are written to ${printable(path)} again`);
    } catch (error) {
      await rm(next, { force: true }).catch(() => undefined);
      this.#fails(path, error);
    }
  }

  #fails(path: string, error: unknown): void {
    const key = `metrics ${path} ${(error as NodeJS.ErrnoException).code}`;
    this.#troubles.add(key);
    const reason = printable(error instanceof Error ? error.message : String(error));
    this.#log.once("textfile-not-written", key, "warn", `the file for metrics cannot be written: ${reason}`);
  }

  #settle(level: LogLevel, message: string): void {
    for (const key of this.#troubles) this.#log.resolved("textfile-written", key, level, message);
    this.#troubles.clear();
  }
}

/** Writes a file that was not there: in a folder of somebody else's a link in its place would lead anywhere. */
async function writeNew(path: string, text: string): Promise<void> {
  await rm(path, { force: true });
  const file = await open(path, "wx", MODE);
  try {
    await file.chmod(MODE);
    await file.writeFile(text);
  } finally {
    await file.close();
  }
}
