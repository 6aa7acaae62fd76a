import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { MIB } from "../../support/cgroup.ts";
import type { Context } from "../context.ts";
import { noiseNote } from "../noise.ts";
import { atMost, type TableResult } from "../result.ts";
import { CannotMeasure, type Stage } from "../stage.ts";
import { percentile, worst } from "../statistics.ts";
import { populate } from "./idle-cgroups.ts";

const LIMIT_BYTES = 100 * MIB;
/** Enough that the sentinel's epoll set is the one that waits for the most. */
const NEIGHBOURS = 10;
const GOAL_MS = 5;
const ROUND = 10;

/** From a cgroup's limit to its being guarded, seen from outside. The C floor registers in turns with it. */
export async function armDelay({ stage, isQuick, progress }: Context): Promise<TableResult> {
  const rounds = isQuick ? 2 : 15;
  const top = stage.top();
  const apart = stage.top();
  populate(top, NEIGHBOURS);
  const guard = await stage.guard({ roots: [top.path] });
  await Bun.sleep(500);
  const { file, registrations } = sentinelSet(guard.pid);
  const watched: number[] = [];
  const granted: number[] = [];
  const floor: number[] = [];
  const floorAgain: number[] = [];
  for (let round = 0; round < rounds; round++) {
    progress(`arm-delay: ${round * ROUND} of ${rounds * ROUND}`);
    const args = [top.directory, String(LIMIT_BYTES), String(ROUND), file, String(registrations)];
    for (const [first, last] of await arm(stage, args)) {
      watched.push(first);
      granted.push(last);
    }
    for (let i = 0; i < ROUND; i++) {
      for (const times of [floor, floorAgain]) {
        const cgroup = apart.child(`floor-${round}-${i}`, LIMIT_BYTES);
        times.push(await registerFloor(stage, cgroup.directory));
        await cgroup.remove();
      }
    }
  }
  await stage.stop(guard);
  for (const one of [top, apart]) await stage.removeTop(one);
  const series = [
    { what: "oom-guard: the sentinel watches it", millis: watched },
    { what: "oom-guard: all thresholds granted", millis: granted },
    { what: "C floor: its threshold granted", millis: floor },
    { what: "C floor again", millis: floorAgain },
  ];
  return {
    title: "Arm delay: from the limit to being guarded, ms",
    notes: [
      `${rounds * ROUND} cgroups, ten by ten in turns with the C floor. Seen from outside, by what the guard's epoll set waits for (/proc/PID/fdinfo, looked at every 0.1 ms): its first registration for the cgroup, and the last of ${registrations}.`,
      "A threshold is granted after an RCU grace period of the kernel, which whoever asks has to wait for; until then the sentinel looks by itself.",
      noiseNote("C floor", floor, floorAgain),
    ],
    headings: ["what", "median", "p99", "worst"],
    rows: series.map(({ what, millis }) => [
      what,
      ...[0.5, 0.99, 1].map((share) => percentile(millis, share).toFixed(2)),
    ]),
    goals: [atMost("arm delay (watched), p99", percentile(watched, 0.99), GOAL_MS, " ms")],
    plot: {
      title: "From a cgroup's limit to its being guarded",
      axis: "ms, median and worst",
      scale: "log",
      rows: series.map(({ what, millis }) => ({
        label: what,
        marks: [{ series: "delay", middle: percentile(millis, 0.5), worst: worst(millis) }],
      })),
      line: { at: GOAL_MS, label: "goal, p99" },
    },
    raw: series,
  };
}

/** The epoll set that waits for the most is the sentinel's; every armed cgroup has as many places in it. */
function sentinelSet(pid: number): { readonly file: string; readonly registrations: number } {
  const sets = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    if (readlinkSync(`/proc/${pid}/fd/${fd}`) !== "anon_inode:[eventpoll]") return [];
    const file = `/proc/${pid}/fdinfo/${fd}`;
    return [{ file, count: readFileSync(file, "utf8").match(/^tfd:/gm)?.length ?? 0 }];
  });
  const [most] = sets.toSorted((a, b) => b.count - a.count);
  const registrations = Math.floor((most?.count ?? 0) / NEIGHBOURS);
  if (most === undefined || registrations === 0)
    throw new CannotMeasure("the guard's epoll set does not show what it waits for");
  return { file: most.file, registrations };
}

/** @returns for each cgroup the first and the last registration, in ms */
async function arm(stage: Stage, args: readonly string[]): Promise<[number, number][]> {
  const arming = Bun.spawn([stage.program("arming"), ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const text = await arming.stdout.text();
  if ((await arming.exited) !== 0) throw new Error("arming failed");
  return text
    .trim()
    .split("\n")
    .map((line) => {
      const [first, last] = line
        .split(" ")
        .map((us) => (us === "-1" ? Number.POSITIVE_INFINITY : Number(us) / 1000));
      return [first!, last!];
    });
}

async function registerFloor(stage: Stage, directory: string): Promise<number> {
  const guard = Bun.spawn([stage.program("guard"), directory, String(LIMIT_BYTES - 2 * MIB)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const { value } = await guard.stdout.getReader().read();
  guard.kill("SIGKILL");
  await guard.exited;
  return Number(Buffer.from(value ?? []).toString()) / 1000;
}
