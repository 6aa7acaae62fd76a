import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { TestContainerd } from "../support/containerd.ts";
import { command, InstalledGuard } from "../support/installed-guard.ts";
import { compileStaticLeak } from "../support/leak.ts";
import { kernelOomKills, kernelOomKillsSince } from "../support/vm/kernel.ts";
import { type CgroupDriver, MachinePod } from "../support/vm/pod.ts";

setDefaultTimeout(300_000);

describe("whoever names the cgroups", () => {
  let containerd: TestContainerd;
  let guard: InstalledGuard;

  beforeAll(async () => {
    containerd = await TestContainerd.start();
    compileStaticLeak(`${containerd.rootfs}/bin/leak`);
    guard = await InstalledGuard.start(`[runtime]\nsockets = ["${containerd.socket}"]\n`);
  });

  afterAll(async () => {
    guard.remove();
    await containerd.stop();
  });

  test.each<[CgroupDriver, "guaranteed" | "burstable" | "besteffort", RegExp]>([
    ["cgroupfs", "burstable", /^\/kubepods\/burstable\/pod[0-9a-f-]{36}\/[0-9a-f]{64}$/],
    ["cgroupfs", "guaranteed", /^\/kubepods\/pod[0-9a-f-]{36}\/[0-9a-f]{64}$/],
    [
      "systemd",
      "burstable",
      /^\/kubepods\.slice\/kubepods-burstable\.slice\/kubepods-burstable-pod[0-9a-f_]{36}\.slice\/cri-containerd-[0-9a-f]{64}\.scope$/,
    ],
    [
      "systemd",
      "guaranteed",
      /^\/kubepods\.slice\/kubepods-pod[0-9a-f_]{36}\.slice\/cri-containerd-[0-9a-f]{64}\.scope$/,
    ],
  ])("%s, %s: a leak is killed, and named", async (driver, qos, shape) => {
    const before = kernelOomKills();
    const pod = new MachinePod(containerd, { name: `${driver}-${qos}`, driver, qos });
    const { id, cgroup } = await pod.startContainer("app", 100, [
      "sh",
      "-c",
      "sleep 5; exec leak - 300 rate=20",
    ]);
    expect(cgroup).toMatch(shape);
    const rows = JSON.parse(command("/usr/local/bin/oom-guard", "scan", "--json")).cgroups;
    const names = { namespace: "shop", pod: pod.name, container: "app", containerId: id };
    expect(rows).toContainEqual(
      expect.objectContaining({ cgroup, kind: "container", ...names, qos: capitalized(qos) }),
    );
    expect(await guard.incident(cgroup, "kill")).toMatchObject(names);
    expect(kernelOomKillsSince(before)).toEqual([]);
  });
});

function capitalized(qos: "guaranteed" | "burstable" | "besteffort"): string {
  return { guaranteed: "Guaranteed", burstable: "Burstable", besteffort: "BestEffort" }[qos];
}
