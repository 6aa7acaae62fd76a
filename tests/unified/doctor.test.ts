import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DoctorReport } from "../../src/report/doctor-json.ts";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { BINARY } from "../support/guard.ts";

setDefaultTimeout(120_000);

const folder = mkdtempSync(join(tmpdir(), "oom-guard-doctor-"));
const top = TestCgroup.top();
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await top.remove();
});

const scratches = () =>
  readdirSync("/sys/fs/cgroup").filter((name) => name.startsWith("oom-guard-calibration-"));

async function doctor(config: string) {
  const file = join(folder, "config.toml");
  const alone = '[runtime]\nsockets = []\n[kubernetes]\nkubeconfig = "off"\n';
  writeFileSync(file, `cgroup_roots = ["${top.path}"]\nstate_dir = "${folder}/state"\n${config}${alone}`);
  const child = Bun.spawn([BINARY, "doctor", "--json", "--config", file], { stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  expect(stderr).toBe("");
  const { checks } = JSON.parse(stdout) as DoctorReport;
  const check = (id: string) => checks.find((one) => one.id === id);
  return { exitCode: await child.exited, check, failed: checks.filter(({ outcome }) => outcome === "fail") };
}

test("everything that a guard needs is there; the self-test saw memory.high notify, and a death", async () => {
  top.child("limited", 100 * MIB);
  const { exitCode, check, failed } = await doctor("");
  expect({ exitCode, failed }).toEqual({ exitCode: 0, failed: [] });
  expect(check("hierarchy")?.detail).toBe("cgroup v2 at /sys/fs/cgroup");
  expect(check("controller")?.detail).toMatch(/^the memory controller is on, \d+ cgroups$/);
  expect(check("cgroups")?.detail).toBe(`2 cgroups below ${top.path}, 1 with a limit`);
  expect(check("limits")?.detail).toMatch(/^68 of \d+ open files and 6 of \d+ inotify watches needed now$/);
  expect(check("self-test")).toMatchObject({
    outcome: "ok",
    detail: expect.stringMatching(/^memory\.high works: notified .+ the crossing, killed and reaped in .+s$/),
  });
  expect(check("reclaim")).toMatchObject({ outcome: "ok", detail: "memory.reclaim works" });
  expect(check("memory-high")?.outcome).toBe("ok");
  expect(check("huge-pages")?.outcome).toBe("ok");
});

test('with high = "off" the chain is one without memory.high, and that is said', async () => {
  const { exitCode, check, failed } = await doctor('[v2]\nhigh = "off"\n');
  expect({ exitCode, failed }).toEqual({ exitCode: 0, failed: [] });
  expect(check("memory-high")?.detail).toBe(
    'memory.high is not written (high = "off" in [v2]): pressure notifications and polling carry the guard',
  );
  expect(check("self-test")).toMatchObject({
    outcome: "ok",
    detail: expect.stringMatching(
      /^without memory\.high: seen to grow past its threshold, killed and reaped/,
    ),
  });
  expect(check("limits")?.detail).toStartWith("69 of ");
});

test("it leaves nothing: no scratch cgroup, no file on tmpfs", async () => {
  const before = existsSync("/run/oom-guard") ? readdirSync("/run/oom-guard") : null;
  await doctor("");
  expect(scratches()).toEqual([]);
  expect(existsSync("/run/oom-guard") ? readdirSync("/run/oom-guard") : null).toEqual(before);
});

test("a mount that passes the controller on to nobody is told of, and nothing is tried there", async () => {
  const bare = top.child("bare");
  const { check } = await doctor(`cgroup_mount = "${bare.directory}"\n`);
  expect(check("controller")).toMatchObject({
    outcome: "warn",
    fix: expect.stringContaining(`echo +memory >${bare.directory}/cgroup.subtree_control`),
  });
  for (const id of ["self-test", "reclaim"]) {
    expect(check(id)).toMatchObject({ outcome: "skip", detail: "cgroups have no memory controller" });
  }
});
