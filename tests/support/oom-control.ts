import type { TestCgroup } from "./cgroup.ts";
import { until } from "./until.ts";

const field = (cgroup: TestCgroup, name: string) =>
  Number(new RegExp(`^${name} (\\d)$`, "m").exec(cgroup.read("memory.oom_control"))?.[1]);

/** Whether tasks wait at the limit of a cgroup (v1) instead of being killed by the kernel. */
export const isHeld = (cgroup: TestCgroup) => field(cgroup, "oom_kill_disable") === 1;

/** Whether tasks wait there now. */
export const isUnderOom = (cgroup: TestCgroup) => field(cgroup, "under_oom") === 1;

/** Waits until it is held. */
export const becomesHeld = (cgroup: TestCgroup) => until(`${cgroup.path} is held`, () => isHeld(cgroup));

/** Waits until the kernel kills at its limit again. */
export const becomesFree = (cgroup: TestCgroup) => until(`${cgroup.path} is free`, () => !isHeld(cgroup));

/** What an administrator or a container runtime does. */
export const setHeld = (cgroup: TestCgroup, held: boolean) =>
  cgroup.write("memory.oom_control", held ? "1" : "0");
