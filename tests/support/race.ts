import type { TestCgroup } from "./cgroup.ts";
import type { TestGuard } from "./guard.ts";
import { hierarchy } from "./hierarchy.ts";
import { rounds } from "./patience.ts";
import { until } from "./until.ts";

/** How often each race is run. */
export const RUNS = rounds(20);
/** How many of them the guard must win. A lost one must be told. */
export const WON_AT_LEAST = RUNS - hierarchy.racesItMayLose;

/** Lets one leak run into its limit, and removes the cgroup. @returns whether the guard was first; if not, it was told */
export async function race(
  guard: TestGuard,
  cgroup: TestCgroup,
  leak: (cgroup: TestCgroup) => Promise<void>,
): Promise<boolean> {
  await leak(cgroup);
  const { oomKills } = cgroup;
  // One death is one incident: the guard's own, where it struck a process that the kernel had just killed.
  const tells = oomKills === 0 ? ["kill"] : ["kill", "kernel-oom"];
  await until("it is told", () => guard.incidents(cgroup.path).some(({ kind }) => tells.includes(kind)));
  await cgroup.remove();
  return oomKills === 0;
}
