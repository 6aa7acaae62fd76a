import { expect, test } from "bun:test";
import type { Config } from "../../../src/config/config.ts";
import { defaults } from "../../../src/config/defaults.ts";
import { takeOver } from "../../../src/config/restart.ts";

const otherRuntime = { ...defaults.runtime, namespaces: ["k8s.io"] };

test.each<[string, Partial<Config>, string[]]>([
  ["nothing", {}, []],
  ["nothing, but as another object", { runtime: structuredClone(defaults.runtime) }, []],
  ["the margin", { marginRatio: 0.1 }, []],
  ["the roots and the log level", { cgroupRoots: ["/docker"], logLevel: "debug" }, []],
  ["the state directory", { stateDir: "/srv/guard" }, ["state_dir"]],
  ["the mount", { cgroupMount: "/cgroup/memory" }, ["cgroup_mount"]],
  ["the format of the log", { logFormat: "json" }, ["log_format"]],
  ["the time between two looks", { resyncMs: 5000 }, ["resync"]],
  ["a namespace of the runtime", { runtime: otherRuntime }, ["runtime"]],
  ["several", { runtime: otherRuntime, stateDir: "/srv/guard", policy: "noop" }, ["state_dir", "runtime"]],
])("what holds only after a restart is named: %s changed", (_, changed, keys) => {
  expect(takeOver(defaults, { ...defaults, ...changed }).later).toEqual(keys);
});

test("what holds only after a restart stays as it is, and everything else is taken over", () => {
  const moved = {
    stateDir: "/srv/guard",
    cgroupMount: "/cgroup/memory",
    logFormat: "json",
    resyncMs: 5000,
    runtime: otherRuntime,
  } as const;
  const read: Config = { ...defaults, ...moved, policy: "noop", cgroupRoots: ["/docker"] };
  const { config } = takeOver(defaults, read);
  expect(config).toEqual({ ...defaults, policy: "noop", cgroupRoots: ["/docker"] });
  expect(takeOver(config, read).later).toEqual([
    "state_dir",
    "cgroup_mount",
    "log_format",
    "resync",
    "runtime",
  ]);
});
