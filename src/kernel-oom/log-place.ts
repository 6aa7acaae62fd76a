import { closeSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";

const LINE_BYTES = 128;
// Read and write, made when absent, never truncated.
const O_RDWR_CREAT_CLOEXEC = 0o2 | 0o100 | 0o2000000;

/**
 * Remembers up to which record of the kernel's log all kills are stored, in a file that outlives the process but not
 * the machine, so that kills are found which happened while nobody followed. One write of one line: a SIGKILL in
 * between leaves the old one or the new one.
 */
export class LogPlace {
  /** The last record dealt with in this boot; null: none yet. */
  readonly resumeAfter: number | null;
  /**
   * Wall time of the log's zero, in milliseconds, as first seen in this boot: incidents are named by it, so it must not
   * change when the clock is set.
   */
  readonly epochMs: number;
  readonly bootId: string;
  readonly #fd: number;
  #seq: number | null;

  /**
   * Opens or makes the file.
   * @param epochMs what holds where the file does not know better
   * @throws what node:fs throws
   */
  constructor(path: string, bootId: string, epochMs: number) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    this.#fd = openSync(path, O_RDWR_CREAT_CLOEXEC, 0o600);
    const [boot, epoch, seq] = readFileSync(path, "utf8").trim().split(" ");
    const isOfThisBoot = boot === bootId && Number.isFinite(Number(epoch));
    this.bootId = bootId;
    this.epochMs = isOfThisBoot ? Number(epoch) : Math.round(epochMs);
    this.resumeAfter = isOfThisBoot && /^\d+$/.test(seq ?? "") ? Number(seq) : null;
    this.#seq = this.resumeAfter;
  }

  /** All kills up to this record are stored. @throws what node:fs throws */
  note(seq: number): void {
    if (seq === this.#seq) return;
    const line = `${this.bootId} ${this.epochMs} ${seq}`.padEnd(LINE_BYTES - 1);
    writeSync(this.#fd, `${line}\n`, 0);
    this.#seq = seq;
  }

  close(): void {
    closeSync(this.#fd);
  }
}
