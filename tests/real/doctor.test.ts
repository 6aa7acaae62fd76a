import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DoctorReport } from "../../src/report/doctor-json.ts";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { TestApiServer } from "../support/cluster/api-server.ts";
import { TestContainerd } from "../support/containerd.ts";
import { FakeContainerd } from "../support/fake-containerd.ts";
import { BINARY, TestGuard } from "../support/guard.ts";
import { hierarchy } from "../support/hierarchy.ts";
import { oldKernel } from "../support/old-kernel.ts";
import { missingApiServer, missingContainerd, missingLeak } from "../support/requirements.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(120_000);

const folder = mkdtempSync(join(tmpdir(), "oom-guard-doctor-"));
const stateDir = join(folder, "state");
afterAll(() => rmSync(folder, { recursive: true }));

/** Nothing of this machine's: no runtime, no cluster, no state. */
const ALONE = '[runtime]\nsockets = ["/nonexistent/containerd.sock"]\n[kubernetes]\nkubeconfig = "off"\n';

/** Its command line, with a configuration file of this text. */
function commandLine(config: string, ...args: string[]): string[] {
  const file = join(folder, "config.toml");
  writeFileSync(file, config);
  const state = config.includes("state_dir") ? [] : ["--state-dir", stateDir];
  return [BINARY, "doctor", "--config", file, ...state, ...args];
}

async function doctor(config: string, ...args: string[]) {
  const child = Bun.spawn(commandLine(config, "--json", ...args), { stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  expect(stderr).toBe("");
  const report = JSON.parse(stdout) as DoctorReport;
  const check = (id: string) => report.checks.find((one) => one.id === id);
  return { exitCode, report, check, failed: report.checks.filter(({ outcome }) => outcome === "fail") };
}

const scratches = (pid?: number) =>
  readdirSync(hierarchy.mount).filter((name) => name.startsWith(`oom-guard-calibration-${pid ?? ""}`));

describe.skipIf(missingLeak() !== null)("doctor on this machine", () => {
  const top = TestCgroup.top();
  afterAll(() => top.remove());

  test("everything that a guard needs is there; the self-test saw a notification and a death", async () => {
    top.child("limited", 100 * MIB);
    const { exitCode, report, check, failed } = await doctor(ALONE, "--cgroup-root", top.path);
    expect({ exitCode, failed }).toEqual({ exitCode: 0, failed: [] });
    expect(report).toMatchObject({ version: 1, ok: true });
    expect(check("self-test")).toMatchObject({
      outcome: "ok",
      detail: expect.stringMatching(/^thresholds work: notified .+ the crossing, killed and reaped in .+s$/),
    });
    expect(check("reclaim")).toMatchObject({ outcome: "ok", detail: "memory.force_empty works" });
    expect(check("cgroups")).toMatchObject({ detail: `2 cgroups below ${top.path}, 1 with a limit` });
    expect(check("limits")?.detail).toStartWith("72 of ");
    for (const id of ["root", "hierarchy", "controller", "scheduling", "inotify", "memory-lock", "kmsg"]) {
      expect(check(id)).toMatchObject({ outcome: "ok", fix: null });
    }
  });

  test.each([
    [["pages"], "ok", "thresholds, which this kernel takes in pages, work: notified"],
    [["silent"], "warn", "memory thresholds do not work on this kernel"],
    [["refused"], "warn", "memory thresholds do not work on this kernel"],
    [["nocount", "nolocal", "nopidfd"], "ok", "thresholds work: notified"],
  ] as const)("the self-test on an old kernel: %j", async (faults, outcome, detail) => {
    const child = Bun.spawn(commandLine(ALONE, "--json"), {
      stdout: "pipe",
      env: { ...process.env, ...oldKernel(...faults) },
    });
    const report = JSON.parse(await child.stdout.text()) as DoctorReport;
    expect(await child.exited).toBe(0);
    expect(report.checks.find(({ id }) => id === "self-test")).toMatchObject({
      outcome,
      detail: expect.stringContaining(detail),
    });
    expect(scratches(child.pid)).toEqual([]);
  });

  test("it leaves nothing: no scratch cgroup, no state directory", async () => {
    const child = Bun.spawn(commandLine(ALONE), { stdout: "ignore" });
    await child.exited;
    expect(scratches(child.pid)).toEqual([]);
    expect(readdirSync(folder)).toEqual(["config.toml"]);
  });

  test("a scratch cgroup that a killed one left is removed", async () => {
    // No process has this number: pid_max is 4194304 at most.
    const left = new TestCgroup("/oom-guard-calibration-4194305");
    await doctor(ALONE);
    expect(scratches()).not.toContain(left.path.slice(1));
    await left.remove();
  });

  test.each([
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)(
    "%s in the middle of the self-test: the scratch cgroup goes, and so does what ran in it",
    async (signal, code) => {
      const child = Bun.spawn(commandLine(ALONE), { stdout: "ignore" });
      await until("the self-test has begun", () => scratches(child.pid).length > 0);
      child.kill(signal);
      expect(await child.exited).toBe(code);
      expect(scratches(child.pid)).toEqual([]);
    },
  );

  test("in text there is a line for each check, and a last one that counts", async () => {
    const child = Bun.spawn(commandLine(ALONE, "--cgroup-root", top.path), { stdout: "pipe" });
    const lines = (await child.stdout.text()).split("\n");
    const { report } = await doctor(ALONE, "--cgroup-root", top.path);
    const ids = lines.flatMap((line) => /^(?:ok|warn|fail|skip) +(\S+) {2,}\S/.exec(line)?.[1] ?? []);
    expect(ids).toEqual(report.checks.map(({ id }) => id));
    expect(lines.at(-2)).toStartWith(`${ids.length} checks: `);
    expect(lines.filter((line) => /^ +fix: \S/.test(line))).toHaveLength(
      report.checks.filter(({ fix }) => fix !== null).length,
    );
  });

  test("a running guard on the same state directory is told of, and not disturbed", async () => {
    const guard = await TestGuard.start({ roots: [top.path] });
    const { exitCode, check } = await doctor(`state_dir = "${guard.stateDir}"\n${ALONE}`);
    const { pid } = guard;
    expect(guard.log.filter(({ level }) => level === "error")).toEqual([]);
    await guard.stop();
    expect(exitCode).toBe(0);
    expect(check("state-dir")?.detail).toEndWith(`a guard runs (pid ${pid})`);
  });

  test("a mount that is not there fails, and what needs it is skipped", async () => {
    const { exitCode, report, check, failed } = await doctor(`cgroup_mount = "/nonexistent"\n${ALONE}`);
    expect(exitCode).toBe(1);
    expect(report.ok).toBe(false);
    expect(failed.map(({ id }) => id)).toEqual(["hierarchy"]);
    expect(check("hierarchy")?.detail).toStartWith(
      "cgroup_mount /nonexistent is not the root of a cgroup hierarchy",
    );
    for (const id of ["cgroups", "self-test", "reclaim", "inotify"]) {
      expect(check(id)).toMatchObject({ outcome: "skip", detail: "no memory hierarchy to look at" });
    }
  });

  test("a configuration that is wrong fails, and the rest is checked by the defaults and the flags", async () => {
    const { exitCode, check, failed } = await doctor("polcy = 1\n", "--cgroup-root", top.path);
    expect(exitCode).toBe(1);
    expect(failed.map(({ id }) => id)).toEqual(["config"]);
    expect(check("config")?.detail).toContain("polcy = 1: unknown key, did you mean policy?");
    expect(check("cgroups")?.detail).toContain(top.path);
    expect(check("self-test")?.outcome).toBe("ok");
  });

  test("flags that are wrong are bad usage", () => {
    const { exitCode, stdout, stderr } = Bun.spawnSync(commandLine(ALONE, "--min-margin", "x"));
    expect({ exitCode, stdout: stdout.toString() }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr.toString()).toStartWith("oom-guard: --min-margin=x: must be bytes");
  });

  test("somebody who is not root is told so, and what needs no root is checked", async () => {
    const child = Bun.spawn(["setpriv", "--reuid=65534", "--clear-groups", ...commandLine(ALONE, "--json")], {
      stdout: "pipe",
    });
    const report = JSON.parse(await child.stdout.text()) as DoctorReport;
    expect(await child.exited).toBe(1);
    const outcomes = Object.fromEntries(report.checks.map(({ id, outcome }) => [id, outcome]));
    expect(outcomes).toMatchObject({
      root: "fail",
      hierarchy: "ok",
      controller: "ok",
      "self-test": "skip",
      reclaim: "skip",
      scheduling: "warn",
      "memory-lock": "warn",
    });
  });
});

test("a containerd that tells its version late, and then nothing, is a warning: the guard works without", async () => {
  const fake = new FakeContainerd();
  fake.versionMs = 1500;
  fake.duringList = () => Bun.sleep(10_000);
  await fake.start();
  try {
    const { check } = await doctor(
      `[runtime]\nsockets = ["${fake.socket}"]\n[kubernetes]\nkubeconfig = "off"\n`,
    );
    expect(check("runtime")).toMatchObject({
      outcome: "warn",
      detail: expect.stringContaining("list containers"),
    });
  } finally {
    await fake.stop();
  }
});

describe.skipIf(missingContainerd() !== null)("doctor and a real containerd", () => {
  let containerd: TestContainerd;
  beforeAll(async () => {
    containerd = await TestContainerd.start();
  });
  afterAll(() => containerd?.stop());

  const config = () =>
    `[runtime]\nsockets = ["${containerd.socket}", "/nonexistent/x.sock"]\n[kubernetes]\nkubeconfig = "off"\n`;

  test("its version and its containers are told", async () => {
    const version = /Server:\n\s+Version:\s+(\S+)/.exec(await containerd.ctr(["version"]))?.[1];
    await containerd.runContainer({ id: "one", cgroup: "/oom-guard-doctor/one", args: ["sleep", "1000"] });
    const { exitCode, check } = await doctor(config());
    expect(exitCode).toBe(0);
    expect(check("runtime")).toEqual({
      id: "runtime",
      outcome: "ok",
      detail: `containerd ${version} at ${containerd.socket}, containers: 1 in k8s.io, 0 in moby`,
      fix: null,
    });
  });

  test("one that is stopped is a warning, in time", async () => {
    await containerd.freeze();
    const { exitCode, check } = await doctor(config());
    containerd.thaw();
    expect(exitCode).toBe(0);
    expect(check("runtime")).toMatchObject({
      outcome: "warn",
      detail: expect.stringContaining("ask for its version"),
      fix: expect.stringContaining("journalctl -u containerd"),
    });
  });

  test("one that has ended, and left its socket, is a warning", async () => {
    await containerd.crash();
    const { check } = await doctor(config());
    expect(check("runtime")).toMatchObject({
      outcome: "warn",
      fix: `start what listens at ${containerd.socket}, or take it out of runtime.sockets`,
    });
  });
});

describe.skipIf(missingApiServer() !== null)("doctor and a real API server", () => {
  const NODE = "node-a";
  let api: TestApiServer;

  beforeAll(async () => {
    api = await TestApiServer.start();
    await api.createNode(NODE);
    await api.kubectl(["apply", "-f", "-"], TestGuard.print("rbac"));
  });
  afterAll(() => api?.stop());

  const config = (kubeconfig: string) =>
    `[kubernetes]\nkubeconfig = "${kubeconfig}"\nnode_name = "${NODE}"\n`;
  const ALL = { outcome: "ok", detail: "may create events, patch events, list pods, get nodes" };

  test("the account of the printed manifest has every right", async () => {
    const kubeconfig = api.kubeconfig("account", await api.serviceAccountUser("kube-system", "oomguard"));
    const { exitCode, check } = await doctor(config(kubeconfig));
    expect(exitCode).toBe(0);
    expect(check("api-rights")).toMatchObject(ALL);
    expect(check("api-server")).toMatchObject({
      outcome: "ok",
      detail: expect.stringMatching(/^v1\.\d+\.\S* at https:.* by the token of .*, as node node-a$/),
    });
  });

  test("so has a kubelet", async () => {
    const { exitCode, check } = await doctor(config(api.kubeconfig("kubelet", api.nodeUser(NODE))));
    expect(exitCode).toBe(0);
    expect(check("api-rights")).toMatchObject(ALL);
  });

  // A guard works without the last one, which only scan uses.
  test.each([
    ["fail", "create", "events"],
    ["fail", "patch", "events"],
    ["fail", "list", "pods"],
    ["warn", "get", "nodes"],
  ] as const)(
    "%s without the right to %s %s, and it names what grants it",
    async (outcome, verb, resource) => {
      const kubeconfig = api.kubeconfig("less", await api.serviceAccountUser("kube-system", "oomguard"));
      const role = "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:oomguard";
      const whole = await api.request<{ rules: { resources: string[]; verbs: string[] }[] }>("GET", role);
      const rules = whole.rules
        .map((rule) =>
          rule.resources.includes(resource)
            ? { ...rule, verbs: rule.verbs.filter((one) => one !== verb) }
            : rule,
        )
        .filter(({ verbs }) => verbs.length > 0);
      await api.request("PATCH", role, { rules });
      try {
        // The authorizer hears of it a moment later.
        let last = await doctor(config(kubeconfig));
        await until("it is in force", async () => {
          last = await doctor(config(kubeconfig));
          return last.check("api-rights")?.outcome === outcome;
        });
        expect(last.exitCode).toBe(outcome === "fail" ? 1 : 0);
        expect(last.check("api-rights")).toEqual({
          id: "api-rights",
          outcome,
          detail: `may not ${verb} ${resource}`,
          fix: "oom-guard print rbac | kubectl apply -f -",
        });
        expect(last.failed).toHaveLength(outcome === "fail" ? 1 : 0);
      } finally {
        await api.kubectl(["apply", "-f", "-"], TestGuard.print("rbac"));
      }
    },
  );

  test("a token that nobody knows, and a server that hangs or is away, fail in time", async () => {
    const stranger = await doctor(config(api.kubeconfig("stranger", { token: "bm90LWEtdG9rZW4" })));
    expect(stranger.exitCode).toBe(1);
    expect(stranger.failed.map(({ id }) => id)).toEqual(["api-server"]);
    expect(stranger.check("api-server")?.detail).toContain("does not accept the token");
    expect(stranger.check("api-rights")?.outcome).toBe("skip");

    const node = api.kubeconfig("kubelet", api.nodeUser(NODE));
    await api.freeze();
    const frozen = await doctor(config(node));
    api.thaw();
    expect(frozen.check("api-server")).toMatchObject({
      outcome: "fail",
      detail: expect.stringContaining("has not answered within 2 s"),
    });

    await api.stopServer();
    const away = await doctor(config(node));
    expect(away.check("api-server")?.detail).toContain("connection refused");
    expect(away.check("api-rights")?.outcome).toBe("skip");
  });
});
