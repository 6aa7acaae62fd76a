import { Epoll } from "../../ffi/epoll.ts";
import { close, readFromStart } from "../../ffi/file.ts";
import { NativeBuffer } from "../../ffi/native-buffer.ts";
import { sigkill } from "../../ffi/process.ts";
import { descriptors, type Hierarchy, type MemoryReader, type Signal } from "../cgroup/hierarchy.ts";
import { memoryReader } from "../cgroup/memory-reader.ts";
import { calibrateThresholds } from "../cgroup/v1/calibrate.ts";
import { hierarchyV1 } from "../cgroup/v1/hierarchy.ts";
import type { ThresholdUnit } from "../cgroup/v1/register.ts";
import { hierarchyV2 } from "../cgroup/v2/hierarchy.ts";
import { HighKeeper } from "../cgroup/v2/high.ts";
import type { MemoryMount } from "../discover/mount.ts";
import { OpenProcess } from "../proc/process.ts";
import { humanMicros } from "../report/size.ts";
import { type Finding, fail, ok, warn } from "./check.ts";
import { Scratch } from "./scratch.ts";
import { ScratchMemory } from "./scratch-memory.ts";

const MIB = 2 ** 20;
const THRESHOLD_BYTES = 8 * MIB;
const CROSSING_MS = 2000;
const DEATH_MS = 1000;

// Fills a buffer of 16 MB, over and over. It comes to its own end after some seconds even if nobody is left to kill it.
const LEAK = ["dd", "if=/dev/zero", "of=/dev/null", `bs=${16 * MIB}`, "count=1000"];

/** What tells of a crossing: a threshold in this unit, memory.high, or nothing but looking. */
export type Told = ThresholdUnit | "high";

/** What happened in the scratch cgroup. Times in microseconds, null: it did not happen in time. */
export interface SelfTestFacts {
  readonly version: 1 | 2;
  readonly told: Told;
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
 * @param isHeld whether a guard would set memory.high (cgroup v2)
 * @throws SysError or what node:fs throws, when the scratch cgroup cannot be made, armed or removed
 */
export async function selfTest(mount: MemoryMount, isHeld: boolean, procRoot: string): Promise<Finding> {
  const { hierarchy, told } = await hierarchyToTry(mount, isHeld, procRoot);
  const scratch = new Scratch(mount.path, procRoot);
  try {
    return judgeSelfTest(await tryChain(scratch, hierarchy, told, procRoot));
  } finally {
    await scratch.remove();
  }
}

async function hierarchyToTry({ version, path }: MemoryMount, isHeld: boolean, procRoot: string) {
  if (version === 1) {
    const unit = await calibrateThresholds(path, procRoot);
    return { hierarchy: hierarchyV1(path, { unit, keeper: null, mayHold: false }), told: unit };
  }
  const keeper = new HighKeeper(path, new ScratchMemory());
  return {
    hierarchy: hierarchyV2(path, { keeper, mayHold: isHeld }),
    told: isHeld ? "high" : "none",
  } as const;
}

async function tryChain(
  scratch: Scratch,
  hierarchy: Hierarchy,
  told: Told,
  procRoot: string,
): Promise<SelfTestFacts> {
  const { version } = hierarchy;
  // Held back at its threshold it would swap instead of crossing it.
  if (version === 2) scratch.forbidSwap();
  const armed = hierarchy.arm(scratch.cgroup);
  const opened = descriptors(armed);
  const epoll = new Epoll(1);
  try {
    const wanted = { thresholdBytes: THRESHOLD_BYTES, nearBytes: 0, hold: true, waitAtLimit: false };
    const granted: Signal[] = [];
    const notGranted = await hierarchy.armThresholds(scratch.cgroup, wanted, (signal) => {
      opened.push(signal.fd);
      granted.push(signal);
    });
    const refused = [...armed.refused, ...notGranted];
    const threshold = granted.find(({ meaning }) => meaning === "threshold");
    if (threshold !== undefined) listenAfresh(epoll, threshold);
    const reader = memoryReader(version);
    const leak = scratch.start(LEAK);
    const usage = () => reader.usage(armed);
    const { crossedMs, notifiedMs } = waitForCrossing(usage, threshold === undefined ? null : epoll);
    const deadMs = crossedMs === null ? null : await kill(leak, armed.directoryFd, reader, procRoot);
    const micros = (ms: number | null) => (ms === null ? null : Math.max(0, Math.round(ms * 1000)));
    return {
      version,
      told,
      refused: refused.map(({ meaning, error }) => `${meaning} (${error.code})`),
      crossed: crossedMs !== null,
      notifiedMicros: micros(crossedMs === null || notifiedMs === null ? null : notifiedMs - crossedMs),
      deadMicros: micros(deadMs),
    };
  } finally {
    epoll.close();
    for (const fd of opened) close(fd);
  }
}

const forgotten = new NativeBuffer(1024);

/** A file of cgroup v2 that nobody has read since it was opened tells of an event that never was. */
function listenAfresh(epoll: Epoll, { fd, wakes }: Signal): void {
  if (wakes === "priority") readFromStart(fd, forgotten);
  epoll.add(fd, 0, wakes);
}

/** Looks without a pause, so that the moment of the crossing is known to some microseconds. @param epoll null: nothing will tell */
function waitForCrossing(
  usage: () => number,
  epoll: Epoll | null,
): { readonly crossedMs: number | null; readonly notifiedMs: number | null } {
  const deadline = performance.now() + CROSSING_MS;
  let crossedMs: number | null = null;
  let notifiedMs: number | null = null;
  const isOver = () => crossedMs !== null && (notifiedMs !== null || epoll === null);
  for (let nowMs = 0; nowMs < deadline && !isOver(); ) {
    nowMs = performance.now();
    if (crossedMs === null && usage() >= THRESHOLD_BYTES) crossedMs = nowMs;
    if (notifiedMs === null && epoll !== null && epoll.wait(0) > 0) notifiedMs = nowMs;
  }
  return { crossedMs, notifiedMs };
}

/** As the guard kills. @returns milliseconds until the process was reaped, null: it lives, or ended by itself */
async function kill(
  leak: Bun.Subprocess,
  directoryFd: number,
  reader: MemoryReader,
  procRoot: string,
): Promise<number | null> {
  const process = OpenProcess.open(procRoot, leak.pid);
  if (process === null) return null;
  const beganMs = performance.now();
  const sent = reader.killAll?.(directoryFd) === 0 ? 0 : sigkill(process.directoryFd, leak.pid);
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
  const { version, told, refused, crossed, notifiedMicros, deadMicros } = facts;
  if (!crossed) {
    return fail(
      "a program in a scratch cgroup did not grow as it should",
      "see that /bin/sh and dd are there and may be started",
    );
  }
  if (told !== "none" && notifiedMicros === null) {
    const refusal = refused.join(", ");
    if (told === "high" && refusal !== "")
      return fail(`memory.high cannot be set: ${refusal}`, "see that it may write below the mount");
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
  if (told === "none" || notifiedMicros === null) {
    // What carries the guard then is memory-high's to say.
    if (version === 2) return ok(`without memory.high: seen to grow past its threshold, ${died}`);
    return warn(
      `memory thresholds do not work on this kernel: other notifications and polling carry the guard; ${died}`,
      "use a kernel whose thresholds work (one that is not built for real time)",
    );
  }
  const when = notifiedMicros === 0 ? "at" : `${humanMicros(notifiedMicros)} after`;
  const chain = `${working[told]}: notified ${when} the crossing, ${died}`;
  if (refused.length === 0) return ok(chain);
  return warn(
    `${chain}; refused: ${refused.join(", ")}`,
    "give it CAP_DAC_OVERRIDE; where the kernel has no such notification, the others and polling carry the guard",
  );
}

const working: Readonly<Record<Exclude<Told, "none">, string>> = {
  bytes: "thresholds work",
  pages: "thresholds, which this kernel takes in pages, work",
  high: "memory.high works",
};
