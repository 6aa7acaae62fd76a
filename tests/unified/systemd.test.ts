import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { MIB } from "../support/cgroup.ts";
import { TestContainerd } from "../support/containerd.ts";
import { hierarchy } from "../support/hierarchy.ts";
import { command, InstalledGuard } from "../support/installed-guard.ts";
import { compileStaticLeak } from "../support/leak.ts";
import { until } from "../support/until.ts";
import { BareContainer } from "../support/vm/bare-container.ts";
import { kernelOomKills, kernelOomKillsSince } from "../support/vm/kernel.ts";
import { MachinePod } from "../support/vm/pod.ts";

setDefaultTimeout(600_000);

// The harness gives an installed guard a margin of 20M.
const THRESHOLD = String(80 * MIB);

const high = (cgroup: string) => readFileSync(`${hierarchy.mount}${cgroup}/memory.high`, "utf8").trim();
const becomes = (cgroup: string, value: string) =>
  until(`memory.high of ${cgroup} is ${value}`, () => high(cgroup) === value);

describe("under the shipped unit", () => {
  let guard: InstalledGuard;
  let containerd: TestContainerd;

  beforeAll(async () => {
    containerd = await TestContainerd.start();
    compileStaticLeak(`${containerd.rootfs}/bin/leak`);
    guard = await InstalledGuard.start(`[runtime]\nsockets = ["${containerd.socket}"]\n`);
  });

  afterAll(async () => {
    guard.remove();
    await containerd.stop();
  });

  test("a leaking container of containerd's is killed, and named in the journal", async () => {
    const before = kernelOomKills();
    const pod = new MachinePod(containerd, { name: "web-0", driver: "systemd" });
    const leak = ["sh", "-c", "sleep 5; exec leak - 300 rate=20"];
    const { id, cgroup } = await pod.startContainer("app", 100, leak);
    expect(await guard.incident(cgroup, "kill")).toMatchObject({ pod: "web-0", containerId: id });
    expect(kernelOomKillsSince(before)).toEqual([]);
    const [entry] = await guard.journaled("OOM_GUARD_POD=web-0");
    expect(entry).toMatchObject({ OOM_GUARD_CGROUP: cgroup, OOM_GUARD_CONTAINER: "app" });
  });

  test("what systemd writes into the scope of a container is noticed, and the container is guarded on", async () => {
    const before = kernelOomKills();
    const pod = new MachinePod(containerd, { name: "web-1", driver: "systemd" });
    const { cgroup } = await pod.startContainer("app", 100, ["sleep", "100000"]);
    await becomes(cgroup, THRESHOLD);
    command("systemctl", "daemon-reload");
    await becomes(cgroup, THRESHOLD);
    const scope = basename(cgroup);
    command("systemctl", "set-property", "--runtime", scope, `MemoryHigh=${99 * MIB}`);
    await becomes(cgroup, THRESHOLD);
    command("systemctl", "set-property", "--runtime", scope, `MemoryHigh=${60 * MIB}`);
    await becomes(cgroup, String(60 * MIB));
    command("systemctl", "set-property", "--runtime", scope, "MemoryHigh=infinity");
    await becomes(cgroup, THRESHOLD);
    const procs = readFileSync(`${hierarchy.mount}${cgroup}/cgroup.procs`, "utf8").trim().split("\n");
    expect(procs).toHaveLength(1);
    await guard.restart("");
    await becomes(cgroup, THRESHOLD);
    guard.systemctl("stop", "oom-guard");
    expect(high(cgroup)).toBe("max");
    guard.systemctl("start", "oom-guard");
    await becomes(cgroup, THRESHOLD);
    expect(kernelOomKillsSince(before)).toEqual([]);
    process.kill(Number(procs[0]), "SIGKILL");
  });

  test("SIGKILL: what it held is given back before it is started again, and is held then", async () => {
    const container = await BareContainer.create(100);
    await becomes(container.path, THRESHOLD);
    const pid = guard.pid;
    process.kill(pid, "SIGKILL");
    await guard.active(pid);
    await until("systemd had it given back", () =>
      guard.journal().some(({ MESSAGE }) => MESSAGE?.includes("memory.high given back")),
    );
    await becomes(container.path, THRESHOLD);
    const leak = await container.leak(200);
    expect(await leak.exited).toBe(137);
    await guard.incident(container.path, "kill");
    await container.remove();
  });
});
