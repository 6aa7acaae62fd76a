import { release } from "node:os";
import type { Hierarchy } from "../cgroup/hierarchy.ts";
import { hierarchyV1 } from "../cgroup/v1/hierarchy.ts";
import { hierarchyV2 } from "../cgroup/v2/hierarchy.ts";
import { HighKeeper } from "../cgroup/v2/high.ts";
import type { Config } from "../config/config.ts";
import { openHeldLedger } from "../daemon/held.ts";
import { whyNotHeld } from "../decide/why-not-held.ts";
import type { MemoryMount } from "../discover/mount.ts";
import type { Log } from "../report/log.ts";
import { calibrate } from "./calibrate.ts";

/** The mounted hierarchy as the guard works with it. Says what it must do without. */
export function openHierarchy(config: Config, { version, path }: MemoryMount, log: Log): Hierarchy {
  if (version === 1) return hierarchyV1(path, calibrate(path, log));
  const ledger = openHeldLedger(config.stateDir, log);
  const keeper = ledger === null ? null : new HighKeeper(path, ledger);
  const reason = whyNotHeld(config.v2, release());
  if (reason !== null)
    log.warn(
      "high-not-used",
      `memory.high is not written (${reason}): pressure notifications and polling carry the guard`,
    );
  return hierarchyV2(path, { keeper, mayHold: reason === null });
}
