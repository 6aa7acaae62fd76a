import { release } from "node:os";
import type { Hierarchy } from "../cgroup/hierarchy.ts";
import { hierarchyV1 } from "../cgroup/v1/hierarchy.ts";
import { OomKeeper } from "../cgroup/v1/oom-keeper.ts";
import { hierarchyV2 } from "../cgroup/v2/hierarchy.ts";
import { HighKeeper } from "../cgroup/v2/high.ts";
import type { Config } from "../config/config.ts";
import { asksForHold } from "../config/rules.ts";
import { openHeldLedger, sayNotKept } from "../daemon/held.ts";
import { whyNotHeld, whyNotWaiting } from "../decide/why-not-held.ts";
import type { MemoryMount } from "../discover/mount.ts";
import type { HeldLedger } from "../record/held-ledger.ts";
import type { Log } from "../report/log.ts";
import { calibrate } from "./calibrate.ts";

/** The mounted hierarchy as the guard works with it. Says what it must do without. */
export async function openHierarchy(
  config: Config,
  { version, path }: MemoryMount,
  log: Log,
): Promise<Hierarchy> {
  if (version === 1) {
    const ledger = ledgerOf(config, (why) => {
      const message = `memory.oom_control is not written, because ${why}: kernel_oom = "hold" has no effect`;
      if (asksForHold(config)) log.warn("hold-ended", message);
    });
    const keeper = ledger && new OomKeeper(path, ledger, (cgroup, why) => sayNotKept(cgroup, why, log));
    const mayHold = whyNotWaiting(version, release()) === null;
    return hierarchyV1(path, { unit: await calibrate(path, log), keeper, mayHold });
  }
  const ledger = ledgerOf(config, (why) =>
    log.warn("high-not-used", `memory.high is not written, because ${why}: polling carries the guard`),
  );
  const keeper = ledger && new HighKeeper(path, ledger);
  const reason = whyNotHeld(config.v2, release());
  if (reason !== null)
    log.warn(
      "high-not-used",
      `memory.high is not written (${reason}): pressure notifications and polling carry the guard`,
    );
  return hierarchyV2(path, { keeper, mayHold: reason === null });
}

function ledgerOf({ stateDir }: Config, onRefused: (why: string) => void): HeldLedger | null {
  try {
    return openHeldLedger(stateDir);
  } catch (error) {
    onRefused(`nobody could give it back after a crash (${String(error)})`);
    return null;
  }
}
