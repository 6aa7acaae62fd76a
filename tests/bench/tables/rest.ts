import { MIB } from "../../support/cgroup.ts";
import type { Context } from "../context.ts";
import { atMost, type TableResult } from "../result.ts";
import { fitLine } from "../statistics.ts";
import { unitEnvironment } from "../unit-environment.ts";
import { growth, type ProcessUsage, usageOf } from "../usage-of.ts";
import { populate } from "./idle-cgroups.ts";

const COUNTS = [0, 50, 250, 1000];
/** What the goals are about. */
const GOAL_COUNT = 250;
/** Twice: what it differs from itself is the noise. */
const HELLOS = ["hello-world", "hello-world again"];

/** A process that has nothing to do, before and after. */
interface Row {
  readonly name: string;
  /** null: it is no guard. */
  readonly cgroups: number | null;
  readonly before: ProcessUsage;
  readonly after: ProcessUsage;
  readonly seconds: number;
}

/** What a guard costs that has nothing to do, beside a program of Bun's that does nothing. All at the same time. */
export async function rest(context: Context): Promise<TableResult> {
  const { stage, isQuick } = context;
  const env = unitEnvironment();
  const settleSeconds = isQuick ? 5 : 60;
  const seconds = isQuick ? 5 : 60;
  const processes: { name: string; cgroups: number | null; pid: number }[] = [];
  const guards = [];
  const tops = [];
  for (const cgroups of COUNTS) {
    context.progress(`rest: a guard for ${cgroups} cgroups`);
    const top = stage.top();
    tops.push(top);
    populate(top, cgroups);
    const guard = await stage.guard({ roots: [top.path], config: 'resync = "30s"\n' });
    guards.push(guard);
    processes.push({ name: "oom-guard", cgroups, pid: guard.pid });
  }
  const hellos = HELLOS.map((name) => {
    const hello = Bun.spawn([stage.hello(), "stay"], {
      stdio: ["ignore", "ignore", "ignore"],
      env: { ...process.env, ...env },
    });
    processes.push({ name, cgroups: null, pid: hello.pid });
    return hello;
  });

  await wait(context, "settling", settleSeconds);
  const before = processes.map(({ pid }) => usageOf(pid));
  await wait(context, "at rest", seconds);
  const rows = processes.map(({ name, cgroups, pid }, i) => ({
    name,
    cgroups,
    before: before[i]!,
    after: usageOf(pid),
    seconds,
  }));
  for (const hello of hellos) hello.kill("SIGKILL");
  for (const guard of guards) await stage.stop(guard);
  for (const top of tops) await stage.removeTop(top);
  return report(rows, settleSeconds, Object.keys(env));
}

async function wait({ progress }: Context, what: string, seconds: number): Promise<void> {
  for (let left = seconds; left > 0; left--) {
    progress(`rest: ${what}, ${left} s more`);
    await Bun.sleep(1000);
  }
}

function report(rows: readonly Row[], settleSeconds: number, environment: readonly string[]): TableResult {
  const guards = rows.filter((row) => row.cgroups !== null);
  const at = guards.find(({ cgroups }) => cgroups === GOAL_COUNT)!;
  const perCgroup = (of: "rssBytes" | "anonBytes") =>
    fitLine(guards.map(({ cgroups, after }) => [cgroups!, after[of]] as const));
  const rss = perCgroup("rssBytes");
  const anon = perCgroup("anonBytes");
  const seconds = rows[0]!.seconds;
  return {
    title: "Cost at rest",
    notes: [
      `${rows.length} processes at the same time, measured over ${seconds} s after ${settleSeconds} s in which they settled${environment.length === 0 ? "" : `; with the unit's ${environment.join(", ")}`}. In each cgroup a process sleeps. The two hello-worlds are the same program: what they differ is the noise of the machine. CPU in thousandths of a core.`,
      `Growth per cgroup: RSS ${(rss.slope / 1024).toFixed(1)}K (r² ${rss.rSquared.toFixed(2)}), anonymous ${(anon.slope / 1024).toFixed(1)}K (r² ${anon.rSquared.toFixed(2)}).`,
    ],
    headings: ["what", "cgroups", "RSS, M", "anonymous, M", "CPU, ms per s", "wake-ups per s"],
    rows: rows.map((row) => [
      row.name,
      row.cgroups === null ? "-" : String(row.cgroups),
      (row.after.rssBytes / MIB).toFixed(1),
      (row.after.anonBytes / MIB).toFixed(1),
      cpuMillisPerSecond(row).toFixed(2),
      wakeUpsPerSecond(row).toFixed(2),
    ]),
    goals: [
      atMost("at rest, 250 cgroups: RSS", at.after.rssBytes / MIB, 64, "M", 1),
      atMost("at rest, 250 cgroups: anonymous", at.after.anonBytes / MIB, 28, "M", 1),
      atMost("at rest, 250 cgroups: CPU", cpuMillisPerSecond(at) / 10, 0.1, " % of a core", 3),
      atMost("at rest, 250 cgroups: wake-ups", wakeUpsPerSecond(at), 2, " a second"),
      atMost("at rest: growth per cgroup (RSS)", rss.slope / 1024, 8, "K", 1),
    ],
    plot: {
      title: "Memory at rest",
      axis: "M",
      scale: "linear",
      rows: rows.map(({ name, cgroups, after }) => ({
        label: cgroups === null ? name : `${name}, ${cgroups} cgroups`,
        marks: [
          { series: "RSS", middle: after.rssBytes / MIB },
          { series: "anonymous", middle: after.anonBytes / MIB },
        ],
      })),
    },
    raw: rows.map((row) => ({
      ...row,
      cpuMillisPerSecond: cpuMillisPerSecond(row),
      wakeUpsPerSecond: wakeUpsPerSecond(row),
    })),
  };
}

function cpuMillisPerSecond({ before, after, seconds }: Row): number {
  return growth(before, after, "nanos") / 1e6 / seconds;
}

function wakeUpsPerSecond({ before, after, seconds }: Row): number {
  return growth(before, after, "switches") / seconds;
}
