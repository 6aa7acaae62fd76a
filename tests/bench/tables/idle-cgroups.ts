import { MIB, type TestCgroup } from "../../support/cgroup.ts";

const LIMIT_BYTES = 100 * MIB;

/** Fills a cgroup with limited ones that are far from their limits, a sleeping process in each. */
export function populate(top: TestCgroup, count: number): void {
  for (let i = 0; i < count; i++) {
    const cgroup = top.child(`idle-${i}`, LIMIT_BYTES);
    const child = Bun.spawn(["sleep", "100000"], { stdio: ["ignore", "ignore", "ignore"] });
    cgroup.write("cgroup.procs", String(child.pid));
    child.unref();
  }
}
