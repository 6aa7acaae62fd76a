import { closeSync, ftruncateSync, openSync } from "node:fs";
import { join } from "node:path";
import { MIB, type TestCgroup } from "../../support/cgroup.ts";
import type { TestGuard } from "../../support/guard.ts";
import { until } from "../../support/until.ts";
import type { Context } from "../context.ts";
import { atMost, type TableResult } from "../result.ts";
import { percentile } from "../statistics.ts";
import { type CpuTime, cpuTimeOf } from "../usage-of.ts";

const PER_SECOND = 10;
const LIVES_MS = 1000;
const CHURN_LIMIT_BYTES = 100 * MIB;
const HOVERING = 250;
const HOVER_LIMIT_BYTES = 16 * MIB;
const STREAM_BYTES_PER_SECOND = 256 * 1024;
const HOVER = `${HOVERING} cgroups hover at their limit, full of cache`;
const GOAL_PERCENT = 3;
/** Less is what a heap breathes. */
const GROWTH_MIB = 4;

/** A guard while something goes on around it. */
interface Course {
  readonly what: string;
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** % of a core in the first half, and in the second: what they differ is the noise of the machine. */
  readonly halves: readonly [number, number];
  /** Of it, children that dropped page cache. */
  readonly childSeconds: number;
  /** Every five seconds. */
  readonly rssMib: readonly number[];
  readonly incidents: number;
  /** How many cgroups were at their limit when it began, and when it ended. */
  readonly full?: readonly [number, number];
}

/** What a guard costs where containers come and go, and where many are at their limits with nothing but page cache. */
export async function churn(context: Context): Promise<TableResult> {
  const seconds = context.isQuick ? 10 : context.isLong ? 600 : 60;
  const courses = [
    await comingAndGoing(context, seconds),
    await hovering(context, context.isQuick ? 10 : 30),
  ];
  return report(courses);
}

async function comingAndGoing(context: Context, seconds: number): Promise<Course> {
  const { stage } = context;
  const top = stage.top();
  const guard = await stage.guard({ roots: [top.path] });
  const ends: Promise<void>[] = [];
  let made = 0;
  const make = async () => {
    const cgroup = top.child(`churn-${made++}`, CHURN_LIMIT_BYTES);
    const child = Bun.spawn(["sleep", "100"], { stdio: ["ignore", "ignore", "ignore"] });
    cgroup.write("cgroup.procs", String(child.pid));
    await Bun.sleep(LIVES_MS);
    await cgroup.remove();
  };
  const timer = setInterval(() => ends.push(make()), 1000 / PER_SECOND);
  try {
    // Its first cgroups have the engine compile what it runs for them, and its heap grows up to where the collector comes.
    await Bun.sleep(context.isQuick ? 1000 : 60_000);
    return await follow(context, `${PER_SECOND} cgroups a second come and go`, guard, seconds);
  } finally {
    clearInterval(timer);
    await Promise.all(ends);
    await stage.stop(guard);
    await stage.removeTop(top);
  }
}

async function hovering(context: Context, seconds: number): Promise<Course> {
  const { stage } = context;
  const top = stage.top();
  const cgroups = Array.from({ length: HOVERING }, (_, i) => top.child(`full-${i}`, HOVER_LIMIT_BYTES));
  const file = join(stage.folder, "streamed");
  const fd = openSync(file, "w");
  // One hole: its pages are clean page cache, and cost no disk.
  ftruncateSync(fd, HOVERING * 2 * HOVER_LIMIT_BYTES);
  closeSync(fd);
  const guard = await stage.guard({ roots: [top.path] });
  const sizes = [2 * HOVER_LIMIT_BYTES, STREAM_BYTES_PER_SECOND].map(String);
  const streams = Bun.spawn(
    [stage.program("stream"), top.directory, "full", String(HOVERING), file, ...sizes],
    {
      stdio: ["ignore", "ignore", "inherit"],
    },
  );
  try {
    context.progress(`churn: filling ${HOVERING} cgroups with page cache`);
    await until("they hover at their limits", () => areFull(cgroups), 90_000);
    await Bun.sleep(1000);
    const before = countFull(cgroups);
    const course = await follow(context, HOVER, guard, seconds);
    return { ...course, full: [before, countFull(cgroups)] };
  } finally {
    streams.kill("SIGKILL");
    await streams.exited;
    await stage.stop(guard);
    await stage.removeTop(top);
  }
}

/** Those that are at their limits now; the others the guard has just emptied. */
function countFull(cgroups: readonly TestCgroup[]): number {
  return cgroups.filter(({ usageBytes }) => usageBytes >= HOVER_LIMIT_BYTES - MIB).length;
}

/** Most have come to their limits. Those whose cache the guard dropped on the way need a minute to fill again. */
function areFull(cgroups: readonly TestCgroup[]): boolean {
  return (
    percentile(
      cgroups.map(({ peakBytes }) => peakBytes),
      0.25,
    ) >=
    HOVER_LIMIT_BYTES - MIB
  );
}

async function follow(
  { progress }: Context,
  what: string,
  guard: TestGuard,
  seconds: number,
): Promise<Course> {
  const startedMs = performance.now();
  const before = cpuTimeOf(guard.pid);
  let half = { cpu: before, atMs: startedMs };
  const rssMib = [guard.rssBytes / MIB];
  for (let second = 1; second <= seconds; second++) {
    await Bun.sleep(Math.max(0, startedMs + second * 1000 - performance.now()));
    progress(`churn: ${what}, ${second} of ${seconds} s`);
    if (second % 5 === 0) rssMib.push(guard.rssBytes / MIB);
    if (second === Math.floor(seconds / 2)) half = { cpu: cpuTimeOf(guard.pid), atMs: performance.now() };
  }
  const after = cpuTimeOf(guard.pid);
  const endedMs = performance.now();
  return {
    what,
    seconds: (endedMs - startedMs) / 1000,
    cpuSeconds: secondsBetween(before, after),
    halves: [
      (1e5 * secondsBetween(before, half.cpu)) / (half.atMs - startedMs),
      (1e5 * secondsBetween(half.cpu, after)) / (endedMs - half.atMs),
    ],
    childSeconds: after.children - before.children,
    rssMib,
    incidents: guard.history().length,
  };
}

function secondsBetween(before: CpuTime, after: CpuTime): number {
  return after.own - before.own + after.children - before.children;
}

function report(courses: readonly Course[]): TableResult {
  const percentOf = ({ cpuSeconds, seconds }: Course) => (100 * cpuSeconds) / seconds;
  const growthOf = ({ rssMib }: Course) => rssMib.at(-1)! - rssMib[0]!;
  const [coming, hover] = courses as [Course, Course];
  return {
    title: "Cost under churn",
    notes: [
      `Each container of the first has a process and lives for ${LIVES_MS / 1000} s. Of the second each has a limit of ${HOVER_LIMIT_BYTES / MIB}M and reads ${STREAM_BYTES_PER_SECOND / 1024}K a second. CPU of the guard with the children that dropped page cache for it; the first measured from a minute after it began, the second when three quarters had come to their limit: ${hover.full!.join(" were there when it began, ")} when it ended, as the guard drops cache. What the halves differ is the noise of the machine.`,
    ],
    headings: [
      "what",
      "seconds",
      "CPU, % of a core",
      "first half / second",
      "of it children",
      "RSS before, M",
      "RSS after, M",
      "killed",
    ],
    rows: courses.map((course) => [
      course.what,
      course.seconds.toFixed(0),
      percentOf(course).toFixed(2),
      course.halves.map((percent) => percent.toFixed(2)).join(" / "),
      ((100 * course.childSeconds) / course.seconds).toFixed(2),
      course.rssMib[0]!.toFixed(1),
      course.rssMib.at(-1)!.toFixed(1),
      String(course.incidents),
    ]),
    goals: [
      atMost(`CPU: ${coming.what}`, percentOf(coming), GOAL_PERCENT, " % of a core"),
      atMost(`CPU: ${hover.what}`, percentOf(hover), GOAL_PERCENT, " % of a core"),
      atMost(`growth over ${coming.seconds.toFixed(0)} s of churn`, growthOf(coming), GROWTH_MIB, "M", 1),
    ],
    plot: {
      title: "CPU under churn",
      axis: "% of a core",
      scale: "linear",
      rows: courses.map((course) => ({
        label: course.what,
        marks: [{ series: "oom-guard", middle: percentOf(course) }],
      })),
      line: { at: GOAL_PERCENT, label: "goal" },
    },
    raw: courses,
  };
}
