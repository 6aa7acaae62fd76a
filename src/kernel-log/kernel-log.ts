import { EAGAIN, EINTR, EPIPE } from "../../ffi/errno.ts";
import { close, readNext } from "../../ffi/file.ts";
import { openKmsg, readInPool, STANDARD_INPUT, setWaiting } from "../../ffi/kmsg.ts";
import { NativeBuffer } from "../../ffi/native-buffer.ts";
import { SysError } from "../../ffi/sys-error.ts";
import { systemClock } from "../clock.ts";
import { KillAssembler } from "./assembler.ts";
import type { KernelKill } from "./kernel-kill.ts";
import { type LogRecord, parseRecord } from "./record.ts";

/** What the kernel's log tells while it is followed. */
export interface KernelLogEvents {
  /** The kernel's OOM killer has killed. Each kill once, in the log's order. */
  onKill(kill: KernelKill): void;
  /** So many records were overwritten before they were read: kills may be missing. */
  onGap(lostRecords: number): void;
  /** The log cannot be read any more; nothing further is told. At most once. */
  onTrouble(error: SysError): void;
}

/** The kernel's longest record: CONSOLE_EXT_LOG_MAX, 8192 (PRINTK_MESSAGE_MAX, 2048, from 6.4 on). */
const RECORD_BYTES = 8192;
/** Records read before others have their turn: half a millisecond. One takes 1.3 µs to read and 0.9 to understand. */
const RECORDS_PER_TURN = 256;
/**
 * How long the log is left alone once it is read to its end: a flood is read in heaps, not with one waking for each line.
 * 10,000 lines a second take 5% of a CPU so. In a log of 256 KiB there is room for 2,000 of 70 bytes: for 100,000 a second.
 */
const PAUSE_MS = 20;
/** How long a kill waits for the line that it takes its whole cgroup with it: as long as in `KillAssembler`. */
const HOLD_MS = 250;

/**
 * Follows the kernel's log (/dev/kmsg) for kills by its OOM killer. At rest it costs nothing: a thread of the pool waits in
 * read(2). What has come is then read on the main thread, without waiting, some records at a turn.
 * The log is read from its beginning: for what was killed while nobody followed, for the lines before the first kill
 * to be told, and to know at which record it stands.
 */
export class KernelLog {
  readonly #fd: number;
  readonly #path: string;
  readonly #events: KernelLogEvents;
  readonly #buffer = new NativeBuffer(RECORD_BYTES);
  readonly #assembler: KillAssembler;
  /** Kills up to this record are known, or none of our business. */
  #toldUpTo: number;
  #last: number | null = null;
  #isHistory = true;
  #hasRead = false;
  #quietMs = 0;
  #isWaiting = false;
  #isStopped = false;
  #cancel: () => void;

  /**
   * @param path usually "/dev/kmsg"; not opened where it is the standard input already, as systemd hands it over
   * @param resumeAfter the last record dealt with since this boot: kills after it are told, also those of the time when
   * nobody followed. null: only kills from now on
   * @throws SysError where the log cannot be read
   */
  static open(path: string, events: KernelLogEvents, resumeAfter: number | null): KernelLog {
    return new KernelLog(openKmsg(path), path, events, resumeAfter);
  }

  private constructor(fd: number, path: string, events: KernelLogEvents, resumeAfter: number | null) {
    this.#fd = fd;
    this.#path = path;
    this.#events = events;
    this.#toldUpTo = resumeAfter ?? Number.POSITIVE_INFINITY;
    this.#assembler = new KillAssembler((kill) => this.#tell(kill));
    setWaiting(fd, false);
    this.#cancel = soon(() => this.#drain());
  }

  /**
   * The last record dealt with: what to resume after at the next start. null until the log is read to its end for
   * the first time.
   */
  get position(): number | null {
    const { held } = this.#assembler;
    if (held !== null && held.seq > this.#toldUpTo) return held.seq - 1;
    if (!this.#isHistory) return this.#last;
    return Number.isFinite(this.#toldUpTo) ? Math.max(this.#toldUpTo, this.#last ?? 0) : null;
  }

  /** Tells what is there by now, and nothing from then on. */
  stop(): void {
    if (this.#isStopped) return;
    // While a thread waits for a record, reading would wait for that thread (devkmsg_read(), kernel/printk/printk.c).
    if (!this.#isWaiting) this.#drain();
    this.#assembler.flush();
    this.#isStopped = true;
    this.#cancel();
    if (!this.#isWaiting) this.#close();
  }

  #drain(): void {
    for (let reads = 0; reads < RECORDS_PER_TURN && !this.#isStopped; reads++) {
      const count = readNext(this.#fd, this.#buffer);
      if (count === -EAGAIN) {
        this.#rest();
        return;
      }
      this.#take(count);
    }
    if (!this.#isStopped) this.#cancel = soon(() => this.#drain());
  }

  /** Everything is read. Waits for more, but not if there was some a moment ago, or a kill may not be complete. */
  #rest(): void {
    if (this.#isHistory) {
      this.#isHistory = false;
      // One that is beyond the log's end was not of this boot.
      this.#toldUpTo = Math.min(this.#toldUpTo, this.#last ?? -1);
    }
    this.#quietMs = this.#hasRead ? 0 : this.#quietMs + PAUSE_MS;
    if (this.#quietMs >= HOLD_MS) this.#assembler.flush();
    const isBusy = this.#hasRead || this.#assembler.held !== null;
    this.#hasRead = false;
    if (this.#isStopped) return;
    if (isBusy) this.#cancel = systemClock.after(PAUSE_MS, () => this.#drain());
    else this.#wait();
  }

  #wait(): void {
    this.#isWaiting = true;
    setWaiting(this.#fd, true);
    readInPool(this.#fd, this.#buffer.bytes, (count) => {
      this.#isWaiting = false;
      if (this.#isStopped) {
        this.#close();
        return;
      }
      setWaiting(this.#fd, false);
      this.#hasRead = true;
      this.#take(count);
      this.#drain();
    });
  }

  /** @param count what read(2) has answered, or -errno */
  #take(count: number): void {
    // EPIPE: what was next is overwritten. The number of the next record tells how many are missing.
    if (count === -EPIPE || count === -EINTR || count === -EAGAIN) return;
    if (count < 0) this.#fail(new SysError("read", -count, this.#path));
    else this.#takeRecord(parseRecord(this.#buffer.bytes, count));
  }

  #takeRecord(record: LogRecord | null): void {
    if (record === null) return;
    this.#hasRead = true;
    const { seq } = record;
    if (this.#last !== null && seq !== this.#last + 1) this.#assembler.skip();
    const lost = seq - Math.max(this.#last ?? -1, this.#toldUpTo) - 1;
    this.#last = seq;
    if (lost > 0) this.#events.onGap(lost);
    this.#assembler.take(record);
  }

  #tell(kill: KernelKill): void {
    if (!this.#isStopped && kill.seq > this.#toldUpTo) this.#events.onKill(kill);
  }

  #fail(error: SysError): void {
    this.stop();
    this.#events.onTrouble(error);
  }

  #close(): void {
    if (this.#fd !== STANDARD_INPUT) close(this.#fd);
  }
}

function soon(run: () => void): () => void {
  const immediate = setImmediate(run);
  return () => clearImmediate(immediate);
}
