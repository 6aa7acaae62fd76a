import type { NotKept } from "../cgroup/v1/oom-keeper.ts";
import { VOLATILE_DIR } from "../record/black-box.ts";
import { HeldLedger } from "../record/held-ledger.ts";
import type { Log } from "../report/log.ts";

/** Where the ledger of a state directory is. */
export function ledgerFile(stateDir: string): string {
  return `${VOLATILE_DIR}/held-${Bun.hash(stateDir).toString(36)}`;
}

/**
 * Opens the ledger of a state directory; the state directory itself has to do where /run cannot be written. @throws where
 * neither can: then nobody could give back after a crash, and nothing may be written into cgroups
 */
export function openHeldLedger(stateDir: string): HeldLedger {
  try {
    return HeldLedger.open(ledgerFile(stateDir));
  } catch {
    return HeldLedger.open(`${stateDir}/held`);
  }
}

/** Says why the tasks of a cgroup do not wait for the guard at their limit, once for each cause. */
export function sayNotKept(cgroup: string, why: NotKept, log: Log): void {
  if (why.because === "refused") {
    const message = `tasks do not wait for the guard at their limit (${why.error.message}): the kernel's OOM killer stays in charge`;
    log.once("hold-ended", `hold ${why.error.code}`, "warn", message);
    return;
  }
  const message = `somebody else has taken memory.oom_control of ${cgroup} back to 0: the kernel's OOM killer is in charge of it again`;
  log.once("hold-ended", `hold ${cgroup}`, "warn", message);
}
