import { readFileSync } from "node:fs";
import { monotonicMicros } from "../../ffi/clock.ts";
import { SysError } from "../../ffi/sys-error.ts";
import type { KernelKill } from "../kernel-log/kernel-kill.ts";
import { KernelLog } from "../kernel-log/kernel-log.ts";
import { killId } from "../kernel-oom/death-incident.ts";
import { LogPlace } from "../kernel-oom/log-place.ts";
import { VOLATILE_DIR } from "../record/black-box.ts";
import type { Log } from "../report/log.ts";

const KMSG = "/dev/kmsg";
// 60,000 lines take some 100 ms.
const CATCH_UP_MS = 2000;
const BOOT_ID = "/proc/sys/kernel/random/boot_id";

/** Where the place in the kernel's log is remembered. */
export function placeFile(stateDir: string): string {
  return `${VOLATILE_DIR}/kernel-log-${Bun.hash(stateDir).toString(36)}`;
}

/** The kernel's log as the daemon follows it: from where the last process was, and what is said when it cannot. */
export class FollowedLog {
  readonly #log: Log;
  readonly #place: LogPlace | null;
  #kernelLog: KernelLog | null = null;

  constructor(stateDir: string, log: Log) {
    this.#log = log;
    this.#place = openPlace(stateDir, log);
  }

  /** Begins. @param onKill told of each kill once, also of those since the last process ended */
  start(onKill: (kill: KernelKill) => void): void {
    try {
      this.#kernelLog = KernelLog.open(
        KMSG,
        {
          onKill,
          onGap: (lost) => this.#sayGap(lost),
          onTrouble: (error) => {
            this.#kernelLog = null;
            this.#sayUnread(error);
          },
        },
        this.#place?.resumeAfter ?? null,
      );
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      this.#sayUnread(error);
    }
  }

  /** Whether it is being read. */
  get isRead(): boolean {
    return this.#kernelLog !== null;
  }

  /** Resolves when it is known where the log stands: from then on no kill is lost, even if this process is. */
  async caughtUp(): Promise<void> {
    const untilMs = performance.now() + CATCH_UP_MS;
    while (this.#kernelLog?.position === null && performance.now() < untilMs) await Bun.sleep(1);
  }

  /** The name of an incident about a kill. */
  id(kill: KernelKill): string {
    const { bootId, epochMs } = this.#place ?? { bootId: "", epochMs: logEpochMs() };
    return killId(kill, bootId, epochMs);
  }

  /** All that was told is stored, up to this record; null: all of it. */
  stored(firstWaiting: number | null): void {
    const seq = firstWaiting === null ? (this.#kernelLog?.position ?? null) : firstWaiting - 1;
    if (seq === null) return;
    try {
      this.#place?.note(seq);
    } catch (error) {
      sayNotResumed(error, this.#log);
    }
  }

  /** Tells what is there by now, and nothing from then on. @returns whether the log could be read to the last */
  stop(): boolean {
    this.#kernelLog?.stop();
    return this.isRead;
  }

  #sayUnread(error: SysError): void {
    this.#log.once(
      "kernel-log-unread",
      "kernel log",
      "warn",
      `cannot read the kernel's log (${error.message}): of its own kills only those in armed cgroups are seen, without the victim's name`,
    );
  }

  #sayGap(lostRecords: number): void {
    this.#log.warn(
      "kernel-log-gap",
      `${lostRecords} records of the kernel's log were overwritten before they were read: of kills among them only those in armed cgroups are known`,
    );
  }
}

function sayNotResumed(error: unknown, log: Log): void {
  log.once(
    "kernel-log-not-resumed",
    "kernel log place",
    "warn",
    `what the kernel kills while oom-guard is not running will not be known (${String(error)})`,
  );
}

/** Opens the one of a state directory; the state directory itself has to do where /run cannot be written. */
function openPlace(stateDir: string, log: Log): LogPlace | null {
  const open = (path: string) => new LogPlace(path, readFileSync(BOOT_ID, "utf8").trim(), logEpochMs());
  try {
    return open(placeFile(stateDir));
  } catch {
    try {
      return open(`${stateDir}/kernel-log`);
    } catch (error) {
      sayNotResumed(error, log);
      return null;
    }
  }
}

/** The log's clock goes as the monotonic one does, but for seconds in weeks (sched_clock() is not corrected). */
function logEpochMs(): number {
  return Date.now() - monotonicMicros() / 1000;
}
