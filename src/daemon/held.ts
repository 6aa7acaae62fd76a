import { VOLATILE_DIR } from "../record/black-box.ts";
import { HeldLedger } from "../record/held-ledger.ts";
import type { Log } from "../report/log.ts";

/** Opens the ledger of a state directory; the state directory itself has to do where /run cannot be written. */
export function openHeldLedger(stateDir: string, log: Log): HeldLedger | null {
  try {
    return HeldLedger.open(`${VOLATILE_DIR}/held-${Bun.hash(stateDir).toString(36)}`);
  } catch {
    try {
      return HeldLedger.open(`${stateDir}/held`);
    } catch (error) {
      log.warn(
        "high-not-used",
        `memory.high is not written, because nobody could give it back after a crash (${String(error)}): polling carries the guard`,
      );
      return null;
    }
  }
}
