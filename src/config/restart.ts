import type { Config } from "./config.ts";

/** What a running guard takes over of another configuration. */
export interface TakenOver {
  /** What is in force now. */
  readonly config: Config;
  /** Keys, as in the file, that differ and hold only after a restart. */
  readonly later: string[];
}

/** What becomes of the running configuration when another one is read. */
export function takeOver(running: Config, read: Config): TakenOver {
  const { stateDir, cgroupMount, logFormat, resyncMs, runtime, v2 } = running;
  const fixed: [string, unknown, unknown][] = [
    ["state_dir", stateDir, read.stateDir],
    ["cgroup_mount", cgroupMount, read.cgroupMount],
    ["log_format", logFormat, read.logFormat],
    ["resync", resyncMs, read.resyncMs],
    ["runtime", runtime, read.runtime],
    ["v2", v2, read.v2],
  ];
  return {
    config: { ...read, stateDir, cgroupMount, logFormat, resyncMs, runtime, v2 },
    later: fixed.flatMap(([key, old, now]) => (same(old, now) ? [] : [key])),
  };
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
