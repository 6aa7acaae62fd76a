import { ENOSYS } from "../../ffi/errno.ts";
import { SysError } from "../../ffi/sys-error.ts";
import type { KernelKill } from "./kernel-kill.ts";

/** What the kernel's log tells while it is followed. */
export interface KernelLogEvents {
  /** The kernel's OOM killer has killed. Each kill once, in the log's order. */
  onKill(kill: KernelKill): void;
  /** So many records were overwritten before they were read: kills may be missing. */
  onGap(lostRecords: number): void;
  /** The log cannot be read any more; nothing further is told. At most once. */
  onTrouble(error: SysError): void;
}

/** Follows the kernel's log (/dev/kmsg) for kills by its OOM killer. */
export class KernelLog {
  #position: number | null = null;

  /**
   * @param path usually "/dev/kmsg"; not opened where it is the standard input already, as systemd hands it over
   * @param resumeAfter the last record dealt with since this boot: kills after it are told, also those of the time when
   * nobody followed. null: only kills from now on
   * @throws SysError where the log cannot be read
   */
  static open(path: string, _events: KernelLogEvents, _resumeAfter: number | null): KernelLog {
    throw new SysError("open", ENOSYS, path);
  }

  /** The last record dealt with: what to resume after at the next start. null before the first. */
  get position(): number | null {
    return this.#position;
  }

  /** Tells nothing from now on. */
  stop(): void {
    this.#position = null;
  }
}
