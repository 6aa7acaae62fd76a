import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { TestContainerd } from "../support/containerd.ts";
import { InstalledGuard } from "../support/installed-guard.ts";
import { compileStaticLeak } from "../support/leak.ts";
import { alive } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { kernelOomKills, kernelOomKillsSince } from "../support/vm/kernel.ts";
import { MachinePod } from "../support/vm/pod.ts";

setDefaultTimeout(300_000);

const ADJ = -998;

// Up to Linux 5.8 every process of such a pod tied at a badness of 1, and the first one found died: pause.
describe("a Guaranteed pod, sandbox and app at oom_score_adj -998", () => {
  let containerd: TestContainerd;
  let guard: InstalledGuard;

  beforeAll(async () => {
    containerd = await TestContainerd.start();
    compileStaticLeak(`${containerd.rootfs}/bin/leak`);
    guard = await InstalledGuard.start();
  });

  afterAll(async () => {
    guard.remove();
    await containerd.stop();
  });

  test.each(
    (["process", "container"] as const).flatMap((policy) =>
      (["container", "pod"] as const).map((limited) => ({ policy, limited })),
    ),
  )(
    "policy $policy, the $limited at its limit: the app's process dies, never the pause",
    async ({ policy, limited }) => {
      await guard.restart(`policy = "${policy}"\n[runtime]\nsockets = ["${containerd.socket}"]\n`);
      const before = kernelOomKills();
      const pod = new MachinePod(containerd, { name: "web-0", qos: "guaranteed", oomScoreAdj: ADJ });
      const pause = await pod.startSandbox();
      // The pod's own limit is what its containers may have together; the sandbox and memory volumes count there only.
      const podCgroup = new TestCgroup(pod.cgroup, (limited === "pod" ? 100 : 300) * MIB);
      const app = await pod.startContainer("app", limited === "pod" ? 300 : 100, [
        "sh",
        "-c",
        "sleep 5; leak - 400 rate=20; sleep 1000",
      ]);
      expect(adjOf(pause)).toBe(ADJ);
      expect(adjOf(app.pid)).toBe(ADJ);
      const kill = await guard.incident(pod.cgroup, "kill");
      expect(kill.cgroup).toBe(limited === "pod" ? podCgroup.path : app.cgroup);
      expect(kill.policy).toBe(policy);
      const leak = kill.victims.find(({ comm }) => comm === "leak");
      expect(leak).toBeDefined();
      await until("the leak is dead", () => !alive(leak?.pid ?? 0));
      // `process` leaves the shell, the container's first process; `container` takes it along.
      await until("the shell's fate", () => alive(app.pid) === (policy === "process"));
      expect(kill.victims.map(({ pid }) => pid)).not.toContain(pause);
      expect(alive(pause)).toBe(true);
      expect(kernelOomKillsSince(before), JSON.stringify(kill)).toEqual([]);
      expect(guard.incidents(pod.cgroup).map(({ kind }) => kind)).toEqual(["kill"]);
    },
  );
});

function adjOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/oom_score_adj`, "utf8"));
}
