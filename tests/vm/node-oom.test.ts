import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { HistoryEntry } from "../../src/report/history-json.ts";
import { messageIds } from "../../src/report/message-kind.ts";
import { MIB } from "../support/cgroup.ts";
import { TestContainerd } from "../support/containerd.ts";
import { hierarchy } from "../support/hierarchy.ts";
import { InstalledGuard } from "../support/installed-guard.ts";
import { compileStaticLeak } from "../support/leak.ts";
import { alive } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { CONTAINER_WITH_CHILD, childOf, useUpTheNode } from "../support/vm/node-oom.ts";
import { MachinePod } from "../support/vm/pod.ts";

setDefaultTimeout(600_000);

const driver = hierarchy.version === 1 ? "cgroupfs" : "systemd";
let containerd: TestContainerd;
let guard: InstalledGuard;
/** The incident of the first kill. */
let told: HistoryEntry | null = null;

beforeAll(async () => {
  containerd = await TestContainerd.start();
  compileStaticLeak(`${containerd.rootfs}/bin/leak`);
  guard = await InstalledGuard.start(`[runtime]\nsockets = ["${containerd.socket}"]\n`);
});

afterAll(async () => {
  guard.remove();
  await containerd.stop();
});

test("the shipped unit lets it read the kernel's log, and nothing more of it", () => {
  expect(guard.journal(`MESSAGE_ID=${messageIds["kernel-log-unread"]}`)).toEqual([]);
  expect(
    Bun.spawnSync(["readlink", `/proc/${guard.pid}/fd/0`])
      .stdout.toString()
      .trim(),
  ).toBe("/dev/kmsg");
});

test("the node runs out and the kernel kills a container's child: one incident, silent, with all names", async () => {
  const pod = new MachinePod(containerd, { name: "web-0", driver });
  const { id, pid: main, cgroup } = await pod.startContainer("app", 200, CONTAINER_WITH_CHILD);
  const child = await childOf(cgroup);
  expect(await useUpTheNode()).toBe(1);
  await until("the child is dead", () => !alive(child));
  const kill = await guard.incident(cgroup, "kernel-oom");
  told = kill;
  expect(kill).toMatchObject({
    trigger: "kmsg",
    cgroup,
    namespace: "shop",
    pod: "web-0",
    podUid: pod.uid,
    container: "app",
    containerId: id,
    victims: [{ pid: child, comm: "leak", oomScoreAdj: 1000 }],
    scope: "node",
    silent: true,
  });
  expect(kill.victims[0]?.rssBytes).toBeGreaterThan(59 * MIB);
  expect(alive(main)).toBe(true);

  const [entry] = await guard.journaled(`OOM_GUARD_INCIDENT=${kill.id}`);
  expect(entry).toMatchObject({
    OOM_GUARD_POD: "web-0",
    OOM_GUARD_CONTAINER: "app",
    OOM_GUARD_SCOPE: "node",
    OOM_GUARD_SILENT: "true",
    OOM_GUARD_PIDS: String(child),
  });
  expect(entry?.MESSAGE).toEndWith(
    "in container app of shop/web-0, which goes on without it: the node was out of memory",
  );
});

test("what moved the victim's counter unseen is no second incident when the kernel kills there again", async () => {
  const { cgroup, victims } = told!;
  // On v1 nobody is notified of a node's shortage: the counter is looked at when this container is at its own limit.
  guard.configure(`policy = "noop"\n[runtime]\nsockets = ["${containerd.socket}"]\n`);
  guard.systemctl("reload", "oom-guard");
  const procs = `${hierarchy.mount}${cgroup}/cgroup.procs`;
  const leak = Bun.spawn(["sh", "-c", `echo $$ >${procs}; exec ${containerd.rootfs}/bin/leak - 300 rate=20`]);
  expect(await leak.exited).toBe(137);
  await until(
    "the second one is told",
    () => guard.incidents(cgroup).filter(({ kind }) => kind === "kernel-oom").length > 1,
  );
  await Bun.sleep(5000);
  const kills = guard.incidents(cgroup).filter(({ kind }) => kind === "kernel-oom");
  expect(kills.map(({ scope, victims }) => [scope, victims[0]?.pid])).toEqual([
    ["node", victims[0]?.pid],
    ["container", leak.pid],
  ]);
});

test("the guard is stopped, the node runs out, the guard is started: one incident", async () => {
  guard.systemctl("stop", "oom-guard");
  const pod = new MachinePod(containerd, { name: "web-1", driver });
  const { cgroup } = await pod.startContainer("app", 200, CONTAINER_WITH_CHILD);
  const child = await childOf(cgroup);
  expect(await useUpTheNode()).toBe(1);
  guard.systemctl("start", "oom-guard");
  const kill = await guard.incident(cgroup, "kernel-oom");
  expect(kill).toMatchObject({
    pod: "web-1",
    container: "app",
    victims: [{ pid: child }],
    scope: "node",
    silent: true,
  });
  await Bun.sleep(5000);
  expect(guard.incidents(cgroup)).toHaveLength(1);
});
