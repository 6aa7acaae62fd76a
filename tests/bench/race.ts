import { defaults } from "../../src/config/defaults.ts";
import { thresholdBytes } from "../../src/decide/margin.ts";
import { MIB, type TestCgroup } from "../support/cgroup.ts";
import type { TestGuard } from "../support/guard.ts";
import { startLeak } from "../support/leak.ts";

export const LIMIT_BYTES = 1000 * MIB;
export const THRESHOLD_BYTES = thresholdBytes(LIMIT_BYTES, defaults);
const LEAK_MB = 1500;
// The daemon arms a new cgroup within a few milliseconds; a leak into one that is not armed yet is no race.
const ARM_MS = 30;

/** How memory is filled. */
export interface Load {
  readonly threads: number;
  readonly huge: boolean;
}

/** One leak run into one guard. */
export interface Run {
  /** How far usage came beyond the threshold. */
  readonly overshootBytes: number;
  /** From waking up to the last SIGKILL; null when the guard did not kill. */
  readonly decideMicros: number | null;
  /** Kills by the kernel's own OOM killer: the race is lost. */
  readonly oomKills: number;
}

/** One leak into a cgroup that oom-guard watches. */
export async function raceOomGuard(
  guard: TestGuard,
  top: TestCgroup,
  name: string,
  load: Load,
): Promise<Run> {
  const cgroup = top.child(name, LIMIT_BYTES);
  await Bun.sleep(ARM_MS);
  await leakInto(cgroup, load);
  const facts = factsOf(cgroup);
  const kill = facts.oomKills === 0 ? await guard.incident(cgroup.path, "kill") : null;
  await cgroup.remove();
  return { ...facts, decideMicros: kill?.decideMicros ?? null };
}

/** One leak into a cgroup that the C program watches. */
export async function raceReference(
  program: string,
  top: TestCgroup,
  name: string,
  load: Load,
): Promise<Run> {
  const cgroup = top.child(name, LIMIT_BYTES);
  const reference = Bun.spawn([program, cgroup.directory, String(THRESHOLD_BYTES)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    await Bun.sleep(ARM_MS);
    await leakInto(cgroup, load);
  } finally {
    // After a lost race it would wait for ever.
    setTimeout(() => reference.kill(), 200);
  }
  const [armed, micros] = (await reference.stdout.text()).split("\n");
  if (armed !== "armed") throw new Error("the reference guard did not arm its threshold");
  const facts = factsOf(cgroup);
  await cgroup.remove();
  return { ...facts, decideMicros: micros ? Number(micros) : null };
}

async function leakInto(cgroup: TestCgroup, { threads, huge }: Load): Promise<void> {
  const leak = await startLeak({
    procsFile: cgroup.procsFile,
    megabytes: LEAK_MB,
    threads,
    huge,
    wait: true,
  });
  leak.go();
  await leak.exited;
}

function factsOf(cgroup: TestCgroup) {
  return {
    overshootBytes: cgroup.peakBytes - THRESHOLD_BYTES,
    oomKills: cgroup.oomKills,
  };
}
