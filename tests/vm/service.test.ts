import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { messageIds } from "../../src/report/message-kind.ts";
import { TestContainerd } from "../support/containerd.ts";
import { command, InstalledGuard } from "../support/installed-guard.ts";
import { compileStaticLeak } from "../support/leak.ts";
import { sentinelThread } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { kernelOomKills, kernelOomKillsSince } from "../support/vm/kernel.ts";
import { MachinePod } from "../support/vm/pod.ts";

setDefaultTimeout(300_000);

const KILL_MESSAGE = /^killed container app of shop\/web-0: /;

describe("oom-guard install && systemctl enable --now oom-guard", () => {
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

  test("it is active and enabled, under the shipped unit, of which systemd has nothing to complain", () => {
    expect(guard.systemctl("is-enabled", "oom-guard").trim()).toBe("enabled");
    expect(guard.property("Type")).toBe("notify");
    expect(guard.property("NRestarts")).toBe("0");
    expect(guard.property("StatusText")).toMatch(/^guarding \d+ cgroups?/);
    const said = Bun.spawnSync(["systemd-analyze", "verify", "/etc/systemd/system/oom-guard.service"]);
    const complaints = said.stderr.toString().split("\n").filter(Boolean);
    // systemd 252 does not know the two of 254.
    expect(complaints.filter((line) => !/Unknown key 'Restart(Steps|MaxDelaySec)'/.test(line))).toEqual([]);
  });

  test("the thread that kills runs before all others, and its memory is locked", async () => {
    const { pid } = guard;
    expect(command("chrt", "-p", String(sentinelThread(pid)))).toContain("SCHED_FIFO");
    const lockedKb = () => Number(/^VmLck:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
    await until("its memory is locked", () => lockedKb() > 0);
    for (const refused of ["ordinary-priority", "memory-not-locked"] as const) {
      expect(guard.journal(`MESSAGE_ID=${messageIds[refused]}`)).toEqual([]);
    }
  });

  test("doctor finds nothing that fails, with a guard running beside it", () => {
    const { exitCode, stdout } = Bun.spawnSync(["/usr/local/bin/oom-guard", "doctor", "--json"]);
    const { checks } = JSON.parse(stdout.toString()) as { checks: { id: string; outcome: string }[] };
    expect(checks.filter(({ outcome }) => outcome === "fail")).toEqual([]);
    expect(checks).toContainEqual(expect.objectContaining({ id: "self-test", outcome: "ok" }));
    expect(checks).toContainEqual(expect.objectContaining({ id: "runtime", outcome: "ok" }));
    expect(exitCode).toBe(0);
  });

  test("its exposure is at most 3.0, by systemd's own reckoning", () => {
    const text = command("systemd-analyze", "security", "--no-pager", "oom-guard.service");
    const exposure = Number(/Overall exposure level for oom-guard.service: ([\d.]+)/.exec(text)?.[1]);
    expect(exposure).toBeGreaterThan(0);
    expect(exposure).toBeLessThanOrEqual(3.0);
  });

  test("a container that leaks dies by the guard, and the journal says so, in fields", async () => {
    const before = kernelOomKills();
    const pod = new MachinePod(containerd, { name: "web-0" });
    const { id, cgroup } = await pod.startContainer("app", 100, [
      "sh",
      "-c",
      "sleep 5; exec leak - 300 rate=20",
    ]);
    const kill = await guard.incident(cgroup, "kill");
    expect(kill).toMatchObject({ namespace: "shop", pod: "web-0", container: "app", containerId: id });
    expect(kernelOomKillsSince(before)).toEqual([]);

    const [entry] = await guard.journaled("OOM_GUARD_POD=web-0");
    expect(entry).toMatchObject({
      _SYSTEMD_UNIT: "oom-guard.service",
      SYSLOG_IDENTIFIER: "oom-guard",
      PRIORITY: "4",
      OOM_GUARD_NAMESPACE: "shop",
      OOM_GUARD_POD: "web-0",
      OOM_GUARD_CONTAINER: "app",
      OOM_GUARD_CGROUP: cgroup,
      OOM_GUARD_POLICY: "container",
      OOM_GUARD_INCIDENT: kill.id,
    });
    expect(entry?.MESSAGE).toMatch(KILL_MESSAGE);
    expect(entry?.MESSAGE_ID).toMatch(/^[0-9a-f]{32}$/);
    expect(guard.journal("OOM_GUARD_POD=web-0")).toHaveLength(1);
    expect(guard.journal("OOM_GUARD_POD=web-1")).toEqual([]);
  });

  test("journalctl -x explains the message", async () => {
    const text = command("journalctl", "-x", "-q", "-u", "oom-guard", "OOM_GUARD_POD=web-0");
    expect(text).toContain("Defined-By: oom-guard");
    expect(text).toContain("web-0");
  });

  test("installing it again changes nothing, and does not disturb the one that runs", async () => {
    const pid = guard.pid;
    const again = command("/usr/local/bin/oom-guard", "install");
    expect(again).not.toMatch(/^(installed|updated)/m);
    expect(guard.pid).toBe(pid);
  });

  test("systemctl stop: it says that it stops, ends in order, and leaves nothing in the cgroups", async () => {
    guard.systemctl("stop", "oom-guard");
    expect(guard.property("Result")).toBe("success");
    expect(guard.property("ExecMainStatus")).toBe("0");
    await until("no scratch cgroup", () => !command("ls", "/sys/fs/cgroup/memory").includes("calibration"));
    const pid = guard.pid;
    expect(pid).toBe(0);
    guard.systemctl("start", "oom-guard");
    await guard.active();
  });
});
