import type { KernelKill } from "../../src/kernel-log/kernel-kill.ts";
import { KernelLog } from "../../src/kernel-log/kernel-log.ts";
import { until } from "./until.ts";

/** The kernel's log, followed, with all that it has told. */
export interface FollowedLog {
  readonly kills: readonly KernelKill[];
  readonly gaps: readonly number[];
  readonly position: number;
  stop(): void;
}

/** Follows the kernel's log; what is in it already is read when this resolves. */
export async function followLog(resumeAfter: number | null = null): Promise<FollowedLog> {
  const kills: KernelKill[] = [];
  const gaps: number[] = [];
  const troubles: Error[] = [];
  const events = {
    onKill: (kill: KernelKill) => kills.push(kill),
    onGap: (lost: number) => gaps.push(lost),
    onTrouble: (error: Error) => troubles.push(error),
  };
  const log = KernelLog.open("/dev/kmsg", events, resumeAfter);
  if (resumeAfter === null) await until("the log is read to its end", () => log.position !== null);
  else await untilCaughtUp(log);
  return {
    kills,
    gaps,
    get position() {
      if (troubles.length > 0) throw troubles[0];
      return log.position!;
    },
    stop: () => log.stop(),
  };
}

/** One that resumes stands where it has read up to; one that does not is at the end as soon as it stands anywhere. */
async function untilCaughtUp(log: KernelLog): Promise<void> {
  const other = await followLog();
  const end = other.position;
  other.stop();
  await until("the log is read to its end", () => log.position! >= end && log.position! < end + 1_000_000);
}
