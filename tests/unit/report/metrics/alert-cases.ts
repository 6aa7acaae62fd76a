import type { Series } from "../../../support/promtool.ts";

/** What is there, at which minute, and what to call it. */
export type Case = readonly [what: string, series: Series, minute: number];

/** When an alert fires, and what is next to that and must not fire anything. */
export interface AlertCases {
  readonly fires: readonly Case[];
  readonly staysQuiet: readonly Case[];
}

const GUARD = '{job="oom-guard",instance="node-a:9841"}';
const OTHER = '{job="oom-guard",instance="node-b:9841"}';

/** Two guards with nothing to tell, for an hour and a half. */
export const quietGuards: Series = Object.fromEntries(
  [GUARD, OTHER].flatMap((labels) => [
    [`up${labels}`, "1x90"],
    [`process_start_time_seconds${labels}`, "1000x90"],
    [`oom_guard_watched_cgroups${labels}`, "3x90"],
    [`oom_guard_unarmed_cgroups${labels}`, "0x90"],
    [`oom_guard_sentinel_up${labels}`, "1x90"],
    [`oom_guard_store_up${labels}`, "1x90"],
    [`oom_guard_kernel_log_up${labels}`, "1x90"],
    [`oom_guard_outbox_oldest_seconds${labels}`, "0x90"],
  ]),
);

const of = (name: string, values: string): Series => ({ [`${name}${GUARD}`]: values });

/** A guard that Prometheus sees from minute 20 on, and with it counters of long ago. */
const lateGuard = { ...of("up", "_x20 1x70"), ...of("oom_guard_watched_cgroups", "_x20 3x70") };
/** A guard that is away from minute 10 to minute 30. */
const awayGuard = {
  ...of("up", "1x9 0x19 1x60"),
  ...of("oom_guard_watched_cgroups", "3x9 stale _x19 3x60"),
};

/** What holds of each counter of deaths. @param labels beside those of the guard */
function ofCounter(metric: string, labels: string): AlertCases {
  const counter = (values: string): Series => ({ [`${metric}${GUARD.replace("}", `,${labels}}`)}`]: values });
  return {
    fires: [
      ["the first, by which the counter appears", counter("_x5 1x80"), 5],
      ["the first, nine minutes later", counter("_x5 1x80"), 14],
      ["the first, of a pod that is gone a minute later", counter("_x5 1 stale"), 12],
      ["the first, of a guard that is new itself", { ...lateGuard, ...counter("_x22 1x60") }, 22],
      ["another one", counter("4x20 5x60"), 21],
      ["another one, of a guard that lost what it had counted", counter("4x20 1x60"), 21],
      [
        "one while the guard was away for three minutes",
        {
          ...of("oom_guard_watched_cgroups", "3x9 stale _x2 3x60"),
          ...of("up", "1x9 0x2 1x60"),
          ...counter("4x9 stale _x2 5x60"),
        },
        13,
      ],
    ],
    staysQuiet: [
      ["the first, ten minutes later", counter("_x5 1x80"), 15],
      ["none in the last ten minutes", counter("4x90"), 40],
      ["those of long ago, when Prometheus is new", { ...lateGuard, ...counter("_x20 4x60") }, 20],
      ["those of long ago, five minutes after that", { ...lateGuard, ...counter("_x20 4x60") }, 25],
      [
        "those of long ago, when a guard is back after twenty minutes",
        { ...awayGuard, ...counter("4x9 stale _x19 4x60") },
        31,
      ],
      ["a counter that goes, with its pod, long after", counter("_x5 1x30 stale"), 40],
    ],
  };
}

const WEB = 'namespace="shop",pod="web-0",container="app"';
const MIB = 2 ** 20;

/** Limit 1000M, margin 20M. @param workingSet in M, sample by sample */
const container = (workingSet: string): Series => {
  const labels = GUARD.replace("}", `,${WEB}}`);
  return {
    [`oom_guard_container_limit_bytes${labels}`]: `${1000 * MIB}x90`,
    [`oom_guard_container_threshold_bytes${labels}`]: `${980 * MIB}x90`,
    // Full of page cache, as containers are sooner or later.
    [`oom_guard_container_usage_bytes${labels}`]: `${980 * MIB}x90`,
    [`oom_guard_container_working_set_bytes${labels}`]: workingSet.replace(/\d+(?=x)/g, (mib) =>
      String(Number(mib) * MIB),
    ),
  };
};

/** Decisions, one a minute from minute 5 on. @param bucket seconds which all of them stayed under */
const decisions = (bucket: "0.005" | "0.05"): Series =>
  Object.fromEntries(
    ["0.005", "0.01", "0.05", "+Inf"].map((le) => [
      `oom_guard_decide_seconds_bucket${GUARD.replace("}", `,le="${le}"}`)}`,
      `0x5 ${Number(le.replace("+Inf", "9")) >= Number(bucket) ? "1+1" : "0"}x60`,
    ]),
  );

const kernelKills = ofCounter("oom_guard_kernel_oom_kills_total", `scope="container",${WEB}`);
const silentKills = ofCounter("oom_guard_silent_oom_kills_total", `scope="node",${WEB}`);

/** A silent kill is counted as one of the kernel's as well. */
function countedTwice([what, series, minute]: Case): Case {
  const both = Object.entries(series).map(([name, values]) => [name.replace("silent", "kernel"), values]);
  return [what, { ...series, ...Object.fromEntries(both) }, minute];
}

/** By alert, in the order of the rule file. */
export const casesOf: Readonly<Record<string, AlertCases>> = {
  OomGuardKilled: ofCounter("oom_guard_kills_total", `policy="container",${WEB}`),
  OomGuardWouldHaveKilled: ofCounter("oom_guard_would_kills_total", WEB),
  OomGuardVictimStuck: ofCounter("oom_guard_stuck_total", WEB),
  OomGuardKernelKilled: kernelKills,
  OomGuardKernelKilledSilently: {
    fires: silentKills.fires.map(countedTwice),
    staysQuiet: silentKills.staysQuiet.map(countedTwice),
  },
  OomGuardContainerNearLimit: {
    fires: [["within two margins for a quarter of an hour", container("500x9 960x80"), 25]],
    staysQuiet: [
      ["within two margins for less", container("500x9 960x80"), 24],
      ["further away, for ever", container("959x90"), 80],
      ["away for a minute in between", container("500x9 970x9 959x1 970x60"), 34],
    ],
  },
  OomGuardDown: {
    fires: [["no answer for five minutes", of("up", "1x9 0x80"), 15]],
    staysQuiet: [
      ["no answer for less", of("up", "1x9 0x80"), 14],
      ["the job of somebody else", { 'up{job="node",instance="node-a:9100"}': "0x90" }, 40],
    ],
  },
  OomGuardAbsent: {
    fires: [["never any target", { ...of("up", ""), [`up${OTHER}`]: "" }, 10]],
    staysQuiet: [["one of two targets", { [`up${OTHER}`]: "" }, 40]],
  },
  OomGuardGone: {
    fires: [["a target that is no longer one", of("up", "1x9 stale"), 20]],
    staysQuiet: [
      ["for a short time", of("up", "1x9 stale"), 19],
      ["since an hour", of("up", "1x9 stale"), 70],
    ],
  },
  OomGuardRestarting: {
    fires: [["three times in half an hour", of("process_start_time_seconds", "1x9 2x9 3x4 4x60"), 30]],
    staysQuiet: [
      ["twice in half an hour", of("process_start_time_seconds", "1x9 2x9 3x60"), 30],
      ["three times in an hour", of("process_start_time_seconds", "1x9 2x19 3x19 4x60"), 52],
    ],
  },
  OomGuardSentinelDown: {
    fires: [["for a minute", of("oom_guard_sentinel_up", "1x9 0x80"), 11]],
    staysQuiet: [["for less", of("oom_guard_sentinel_up", "1x9 0x80"), 10]],
  },
  OomGuardNotArmed: {
    fires: [["one cgroup for ten minutes", of("oom_guard_unarmed_cgroups", "0x9 1x80"), 20]],
    staysQuiet: [
      ["for less", of("oom_guard_unarmed_cgroups", "0x9 1x80"), 19],
      ["armed in between", of("oom_guard_unarmed_cgroups", "0x9 1x8 0x1 1x60"), 28],
    ],
  },
  OomGuardStoreDown: {
    fires: [["for five minutes", of("oom_guard_store_up", "1x9 0x80"), 15]],
    staysQuiet: [["for less", of("oom_guard_store_up", "1x9 0x80"), 14]],
  },
  OomGuardKernelLogUnread: {
    fires: [["for ten minutes", of("oom_guard_kernel_log_up", "1x9 0x80"), 20]],
    staysQuiet: [["for less", of("oom_guard_kernel_log_up", "1x9 0x80"), 19]],
  },
  OomGuardOutboxStuck: {
    fires: [["the oldest waits for 16 minutes", of("oom_guard_outbox_oldest_seconds", "0+60x80"), 16]],
    staysQuiet: [["for 15 minutes", of("oom_guard_outbox_oldest_seconds", "0+60x80"), 15]],
  },
  OomGuardSlow: {
    fires: [["most decisions between 10 and 50 ms", decisions("0.05"), 40]],
    staysQuiet: [
      ["all within 5 ms", decisions("0.005"), 40],
      [
        "none in the last hour",
        Object.fromEntries(Object.keys(decisions("0.05")).map((name) => [name, "9x90"])),
        80,
      ],
    ],
  },
};
