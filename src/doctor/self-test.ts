import { drainEventfd } from "../../ffi/eventfd.ts";
import { close } from "../../ffi/file.ts";
import { sigkill } from "../../ffi/process.ts";
import { descriptors } from "../cgroup/hierarchy.ts";
import { calibrateThresholds } from "../cgroup/v1/calibrate.ts";
import { hierarchyV1 } from "../cgroup/v1/hierarchy.ts";
import { memoryReaderV1 } from "../cgroup/v1/read.ts";
import type { ThresholdUnit } from "../cgroup/v1/register.ts";
import { OpenProcess } from "../proc/process.ts";
import { humanMicros } from "../report/size.ts";
import { type Finding, fail, ok, warn } from "./check.ts";
import { Scratch } from "./scratch.ts";

const MIB = 2 ** 20;
const THRESHOLD_BYTES = 8 * MIB;
const CROSSING_MS = 2000;
const DEATH_MS = 500;

// Fills a buffer of 16 MB, over and over. It comes to its own end after some seconds even if nobody is left to kill it.
const LEAK = ["dd", "if=/dev/zero", "of=/dev/null", `bs=${16 * MIB}`, "count=1000"];

/** What happened in the scratch cgroup. Times in microseconds, null: it did not happen in time. */
export interface SelfTestFacts {
  readonly unit: ThresholdUnit;
  /** Notifications the kernel did not grant: "pressure (EINVAL)". */
  readonly refused: readonly string[];
  /** Whether usage was seen above the threshold. */
  readonly crossed: boolean;
  /** From the crossing to the notification; 0: it was there first. */
  readonly notifiedMicros: number | null;
  /** From the SIGKILL until the process was reaped. */
  readonly deadMicros: number | null;
}

/**
 * The whole chain on a process of doctor's own: a scratch cgroup is armed as containers are, a program in it grows past
 * the threshold, the kernel notifies, SIGKILL, reaped. The scratch cgroup goes in any case.
 * @throws SysError or what node:fs throws, when the scratch cgroup cannot be made, armed or removed
 */
export async function selfTest(mount: string, procRoot: string): Promise<Finding> {
  const unit = calibrateThresholds(mount, procRoot);
  const scratch = new Scratch(mount, procRoot);
  try {
    return judgeSelfTest(await tryChain(scratch, mount, unit, procRoot));
  } finally {
    await scratch.remove();
  }
}

async function tryChain(
  scratch: Scratch,
  mount: string,
  unit: ThresholdUnit,
  procRoot: string,
): Promise<SelfTestFacts> {
  const hierarchy = hierarchyV1(mount, unit);
  const armed = hierarchy.arm(scratch.cgroup);
  const opened = descriptors(armed);
  try {
    const thresholds = await hierarchy.armThresholds(scratch.cgroup, {
      thresholdBytes: THRESHOLD_BYTES,
      nearBytes: 0,
      hold: false,
    });
    const thresholdFd = thresholds.signals[0]?.fd ?? null;
    if (thresholdFd !== null) opened.push(thresholdFd);
    const refused = [...armed.refused, ...thresholds.refused];
    const leak = scratch.start(LEAK);
    const { crossedMs, notifiedMs } = waitForCrossing(armed.usageFd, thresholdFd);
    const deadMs = crossedMs === null ? null : await kill(leak, procRoot);
    const micros = (ms: number | null) => (ms === null ? null : Math.max(0, Math.round(ms * 1000)));
    return {
      unit,
      refused: refused.map(({ meaning, error }) => `${meaning} (${error.code})`),
      crossed: crossedMs !== null,
      notifiedMicros: micros(crossedMs === null || notifiedMs === null ? null : notifiedMs - crossedMs),
      deadMicros: micros(deadMs),
    };
  } finally {
    for (const fd of opened) close(fd);
  }
}

/** Looks without a pause, so that the moment of the crossing is known to some microseconds. */
function waitForCrossing(
  usageFd: number,
  thresholdFd: number | null,
): { readonly crossedMs: number | null; readonly notifiedMs: number | null } {
  const deadline = performance.now() + CROSSING_MS;
  let crossedMs: number | null = null;
  let notifiedMs: number | null = null;
  const isOver = () => crossedMs !== null && (notifiedMs !== null || thresholdFd === null);
  for (let nowMs = 0; nowMs < deadline && !isOver(); ) {
    nowMs = performance.now();
    if (crossedMs === null && memoryReaderV1.usage({ usageFd }) >= THRESHOLD_BYTES) crossedMs = nowMs;
    if (notifiedMs === null && thresholdFd !== null && drainEventfd(thresholdFd) > 0) notifiedMs = nowMs;
  }
  return { crossedMs, notifiedMs };
}

/** As the guard kills. @returns milliseconds until the process was reaped, null: it lives, or ended by itself */
async function kill(leak: Bun.Subprocess, procRoot: string): Promise<number | null> {
  const process = OpenProcess.open(procRoot, leak.pid);
  if (process === null) return null;
  const beganMs = performance.now();
  const sent = sigkill(process.directoryFd, leak.pid);
  process.close();
  if (sent < 0) return null;
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, DEATH_MS);
  await Promise.race([leak.exited, late.promise]);
  clearTimeout(timer);
  return leak.signalCode === "SIGKILL" ? performance.now() - beganMs : null;
}

/** What the facts mean for a guard. */
export function judgeSelfTest(facts: SelfTestFacts): Finding {
  const { unit, refused, crossed, notifiedMicros, deadMicros } = facts;
  if (!crossed) {
    return fail(
      "a program in a scratch cgroup did not grow as it should",
      "see that /bin/sh and dd are there and may be started",
    );
  }
  if (unit !== "none" && notifiedMicros === null) {
    return fail(
      "a threshold was crossed, and no notification came within 2 s",
      "report this kernel, with uname -a",
    );
  }
  if (deadMicros === null) {
    return fail(
      "a process of doctor's own did not die of SIGKILL",
      "look for a sandbox that forbids kill(2)",
    );
  }
  const died = `killed and reaped in ${humanMicros(deadMicros)}`;
  if (unit === "none" || notifiedMicros === null) {
    return warn(
      `memory thresholds do not work on this kernel: other notifications and polling carry the guard; ${died}`,
      "use a kernel whose thresholds work (one that is not built for real time)",
    );
  }
  const inUnit = unit === "pages" ? "thresholds, which this kernel takes in pages, work" : "thresholds work";
  const when = notifiedMicros === 0 ? "at" : `${humanMicros(notifiedMicros)} after`;
  const chain = `${inUnit}: notified ${when} the crossing, ${died}`;
  if (refused.length === 0) return ok(chain);
  return warn(
    `${chain}; refused: ${refused.join(", ")}`,
    "give it CAP_DAC_OVERRIDE; where the kernel has no such notification, the others and polling carry the guard",
  );
}
