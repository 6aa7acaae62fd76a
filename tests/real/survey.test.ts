import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { command, type Outcome, oomGuard } from "../cli/oom-guard.ts";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { hierarchy } from "../support/hierarchy.ts";
import { compileLeak, type Leak, startLeak } from "../support/leak.ts";
import { patient } from "../support/patience.ts";
import { alive } from "../support/processes.ts";
import { missingLeak } from "../support/requirements.ts";
import { until } from "../support/until.ts";
import { UNSAFE } from "../unit/report/hostile.ts";

setDefaultTimeout(patient(10_000));

const missing = missingLeak();

// A margin of 10M for every cgroup here, so that their states do not hang on a megabyte.
const margins = ["--min-margin", "10M", "--max-margin", "10M"];
const ID = "0123456789abcdef".repeat(4);
const UID = "11111111-2222-3333-4444-555555555555";

interface Row {
  readonly cgroup: string;
  readonly state: string;
  readonly [field: string]: unknown;
}

describe.skipIf(missing !== null)("looking at real cgroups", () => {
  let scratch: string;
  let top: TestCgroup;
  const leaks: Leak[] = [];

  beforeAll(() => {
    scratch = mkdtempSync(join(tmpdir(), "oom-guard-survey-"));
    top = TestCgroup.top();
  });

  afterAll(async () => {
    for (const leak of leaks) await leak.kill();
    await top.remove();
    rmSync(scratch, { recursive: true, force: true });
  });

  /** A cgroup that a process fills with so much memory. */
  async function filled(name: string, limitMB: number | undefined, megabytes: number, adj = 0) {
    const cgroup = top.child(name, limitMB === undefined ? undefined : limitMB * MIB);
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes, adj, hold: true });
    leaks.push(leak);
    await until(`${name} holds ${megabytes}M`, () => cgroup.anonBytes >= megabytes * MIB);
    return { cgroup, leak };
  }

  /** @param root what to look at, below the cgroup of this test */
  const at = (root: string) => ["--cgroup-root", `${top.path}/${root}`, ...margins];

  async function rows(root: string, ...flags: string[]): Promise<Row[]> {
    const outcome = await oomGuard("scan", "--json", ...at(root), ...flags);
    expect(outcome).toMatchObject({ exitCode: 0, stderr: "" });
    return JSON.parse(outcome.stdout).cgroups;
  }

  const row = async (root: string, ...flags: string[]) =>
    (await rows(root, ...flags)).find(({ cgroup }) => cgroup === `${top.path}/${root}`);

  const config = (text: string) => {
    const path = join(scratch, `config-${Math.random().toString(36).slice(2)}.toml`);
    writeFileSync(path, text);
    return ["--config", path];
  };

  const stateDir = (name: string) => ["--state-dir", join(scratch, name)];

  async function history(name: string) {
    const { exitCode, stdout } = await oomGuard("history", "--json", ...stateDir(name));
    expect(exitCode).toBe(0);
    return JSON.parse(stdout).incidents;
  }

  describe("scan", () => {
    test.each([
      ["far from its limit is ok", "ok", 20],
      ["within two margins of it is near", "near", 44],
      ["within one is over", "over", 54],
    ])("a cgroup %s", async (_, state, megabytes) => {
      const { cgroup, leak } = await filled(`s-${state}`, 60, megabytes);
      const process = { pid: leak.pid, comm: "leak" };
      expect(await row(`s-${state}`)).toMatchObject({
        cgroup: cgroup.path,
        kind: "other",
        limitBytes: 60 * MIB,
        marginBytes: 10 * MIB,
        thresholdBytes: 50 * MIB,
        policy: "container",
        state,
        kernelVictim: process,
        guardVictim: process,
      });
      const text = await oomGuard("scan", ...at(`s-${state}`));
      expect(text).toMatchObject({ exitCode: 0, stderr: "" });
      expect(text.stdout).toContain(state);
      const coded = await oomGuard("scan", "--exit-code", ...at(`s-${state}`));
      expect(coded.exitCode).toBe(state === "over" ? 3 : 0);
    });

    test("the fields are those of the contract, and the numbers fit together", async () => {
      await filled(`kubepods/burstable/pod${UID}/${ID}`, 60, 20);
      const { stdout } = await oomGuard("scan", "--json", ...at("kubepods"));
      const report = JSON.parse(stdout);
      expect(Object.keys(report)).toEqual(["version", "node", "cgroups", "pods"]);
      expect(report.version).toBe(1);
      expect(report.node).toMatchObject({ cgroupVersion: hierarchy.version, cgroupMount: hierarchy.mount });
      expect(report.cgroups.length).toBe(1);
      const [found] = report.cgroups;
      expect(Object.keys(found).sort()).toEqual(
        [
          ...[
            "cgroup",
            "kind",
            "namespace",
            "pod",
            "container",
            "containerId",
            "qos",
            "requestBytes",
            "specLimitBytes",
            "limitBytes",
            "usageBytes",
          ],
          ...[
            "reclaimableBytes",
            "anonBytes",
            "marginBytes",
            "thresholdBytes",
            "headroomBytes",
            "workingSetBytes",
            "overcommitBytes",
            "wasteBytes",
            "policy",
            "state",
          ],
          ...["kernelVictim", "guardVictim"],
        ].sort(),
      );
      expect(found).toMatchObject({
        kind: "container",
        namespace: null,
        pod: null,
        container: null,
        containerId: ID,
        qos: "Burstable",
        headroomBytes: 60 * MIB - found.usageBytes,
      });
      expect(found.anonBytes).toBeGreaterThanOrEqual(20 * MIB);
      expect(found.usageBytes).toBeGreaterThanOrEqual(found.anonBytes);
      expect(Object.keys(found.kernelVictim)).toEqual(["pid", "comm"]);
    });

    test("the node is told as the kernel tells it", async () => {
      const { node, pods } = JSON.parse((await oomGuard("scan", "--json", ...at("nothing"))).stdout);
      const meminfo = readFileSync("/proc/meminfo", "utf8");
      const kernelSays = (name: string) =>
        1024 * Number(new RegExp(`^${name}: +(\\d+) kB$`, "m").exec(meminfo)?.[1]);
      expect(node).toMatchObject({
        memoryTotalBytes: kernelSays("MemTotal"),
        overcommit: {
          mode: Number(readFileSync("/proc/sys/vm/overcommit_memory", "utf8")),
          commitLimitBytes: kernelSays("CommitLimit"),
        },
        // Nobody is asked here.
        ...{ requestsBytes: null, limitsBytes: null, podsWithoutLimit: null, allocatableSource: null },
      });
      expect(node.memoryAvailableBytes).toBe(node.memoryTotalBytes - node.workingSetBytes);
      expect(Object.keys(node).sort()).toEqual(
        [
          ...["name", "kernel", "cgroupVersion", "cgroupMount", "memoryTotalBytes", "memoryAvailableBytes"],
          ...[
            "linuxMemAvailableBytes",
            "workingSetBytes",
            "evictionThresholdBytes",
            "distanceToEvictionBytes",
          ],
          ...["overcommit", "allocatableBytes", "allocatableSource", "requestsBytes", "limitsBytes"],
          "podsWithoutLimit",
        ].sort(),
      );
      expect(pods).toBeNull();
      const text = await oomGuard("scan", ...at("nothing"));
      expect(text.stdout).toMatch(/\nNODE\navailable +\S+ of \S+ as kubelet counts it/);
    });

    test("what a cgroup reads once is not in its working set, and what it holds is", async () => {
      const cgroup = top.child("working-set", 100 * MIB);
      const file = join(scratch, "read-once");
      writeFileSync(file, Buffer.alloc(40 * MIB));
      const read = `echo $$ >"$1" && sync "$2" && dd if="$2" iflag=nocache count=0 && cat "$2"`;
      Bun.spawnSync(["/bin/sh", "-c", read, "sh", cgroup.procsFile, file], {
        stdout: "ignore",
        stderr: "ignore",
      });
      await filled("working-set", 100, 20);
      const found = await row("working-set");
      const held = found?.workingSetBytes as number;
      expect(held).toBeGreaterThanOrEqual(20 * MIB);
      expect((found?.usageBytes as number) - held).toBeGreaterThanOrEqual(30 * MIB);
    });

    test("sorted, and the first ones only, in JSON as in text", async () => {
      await filled("order/a", 60, 2);
      await filled("order/b", 90, 12);
      await filled("order/c", 30, 7);
      const order = async (...flags: string[]) =>
        (await rows("order", ...flags)).map(({ cgroup }) => cgroup.split("/").at(-1));
      expect(await order("--sort", "usage")).toEqual(["b", "c", "a"]);
      expect(await order("--sort", "limit", "--top", "2")).toEqual(["b", "a"]);
      expect((await order()).sort()).toEqual(["a", "b", "c"]);
      const { stdout } = await oomGuard("scan", "--sort=limit", "--top=2", ...at("order"));
      expect(stdout.indexOf("order/b")).toBeLessThan(stdout.indexOf("order/a"));
      expect(stdout).not.toContain("order/c");
      expect(stdout).toContain("3 limited cgroups (2 shown)");
    });

    test("cgroups without a limit, and those outside the roots, are left out", async () => {
      await filled("u/limited", 60, 2);
      await filled("u/unlimited", undefined, 2);
      expect((await rows("u")).map(({ cgroup }) => cgroup)).toEqual([`${top.path}/u/limited`]);
      expect(await rows("u/unlimited")).toEqual([]);
    });

    test("an empty cgroup has no victims", async () => {
      top.child("empty", 60 * MIB);
      expect(await row("empty")).toMatchObject({ state: "ok", kernelVictim: null, guardVictim: null });
    });

    test("the first rule that matches sets policy and margin, and flags beat the file", async () => {
      await filled("r/quiet", 60, 2);
      await filled("r/other", 60, 2);
      const file = config(`
        policy = "process"
        [[rule]]
        cgroup = "${top.path}/r/q*"
        policy = "noop"
        min_margin = "20M"
        max_margin = "20M"
        [[rule]]
        cgroup = "**"
        min_margin = "5M"
      `);
      const policies = async (...flags: string[]) =>
        Object.fromEntries(
          (await rows("r", ...file, ...flags)).map(({ cgroup, policy, marginBytes }) => [
            cgroup.split("/").at(-1),
            [policy, (marginBytes as number) / MIB],
          ]),
        );
      expect(await policies()).toEqual({ quiet: ["noop", 20], other: ["process", 5] });
      expect((await policies("--policy", "container")).other).toEqual(["container", 5]);
      expect(await policies("--policy", "noop")).toMatchObject({ quiet: ["noop", 20], other: ["noop", 5] });
    });

    test("whom the guard would take follows the policy, whom the kernel would take does not", async () => {
      // The larger container, and the one a process of which the kernel would prefer.
      const name = `pod${UID}`;
      const pod = top.child(`pods/kubepods/${name}`, 200 * MIB);
      const large = await filled(`pods/kubepods/${name}/${"a".repeat(64)}`, undefined, 60);
      const preferred = await filled(`pods/kubepods/${name}/${"b".repeat(64)}`, undefined, 20, 900);
      const of = async (policy: string) =>
        (await rows("pods", "--policy", policy)).find(({ cgroup }) => cgroup === pod.path);
      expect(await of("process")).toMatchObject({
        kind: "pod",
        kernelVictim: { pid: preferred.leak.pid },
        guardVictim: { pid: preferred.leak.pid },
      });
      expect(await of("noop")).toMatchObject({ policy: "noop", kernelVictim: { pid: preferred.leak.pid } });
      expect(large.leak.pid).not.toBe(preferred.leak.pid);
    });
  });

  describe("explain", () => {
    let target: Awaited<ReturnType<typeof filled>>;
    beforeAll(async () => {
      target = await filled(`e/docker/${ID}`, 60, 20, 7);
    });

    const explain = (what: string, ...flags: string[]) =>
      oomGuard("explain", what, ...config(`cgroup_roots = ["${top.path}/e"]`), ...flags);

    test.each([
      ["a pid", () => String(target.leak.pid)],
      ["a cgroup path", () => target.cgroup.path],
      ["a path below the mount, with a slash at the end", () => `${target.cgroup.directory}/`],
      ["a container id", () => ID],
      ["the beginning of one", () => ID.slice(0, 12)],
    ])("finds a cgroup by %s", async (_, what) => {
      const { exitCode, stdout, stderr } = await explain(what(), "--json");
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
      expect(JSON.parse(stdout)).toMatchObject({
        version: 1,
        cgroup: target.cgroup.path,
        limitBytes: 60 * MIB,
        processes: [{ pid: target.leak.pid, comm: "leak", oomScoreAdj: 7 }],
        kernelVictim: { pid: target.leak.pid },
      });
    });

    test("tells the points as the kernel counts them", async () => {
      const report = JSON.parse((await explain(ID, "--json")).stdout);
      const [process] = report.processes;
      const bytes = process.rssBytes + process.swapBytes + process.pageTableBytes;
      const adjPages = 7 * Math.floor(report.totalPages / 1000);
      expect(process.badness).toBe(Math.floor(bytes / report.pageBytes) + adjPages);
      expect(process.terms).toEqual({
        rssPages: process.rssBytes / report.pageBytes,
        swapPages: process.swapBytes / report.pageBytes,
        pageTablePages: Math.floor(process.pageTableBytes / report.pageBytes),
        adjPages,
        adminBonusPages: 0,
      });
    });

    test("says it in text as well", async () => {
      const { exitCode, stdout } = await explain(ID);
      expect(exitCode).toBe(0);
      expect(stdout).toContain(`leak (pid ${target.leak.pid})`);
      expect(stdout).not.toMatch(UNSAFE);
    });

    test("a cgroup without a limit stands under the nearest one that has one", async () => {
      const inner = target.cgroup.uncountedChild("inner");
      expect(JSON.parse((await explain(inner.path, "--json")).stdout)).toMatchObject({
        cgroup: target.cgroup.path,
        askedCgroup: inner.path,
      });
    });

    test.each([
      ["a pid nobody has", "4194305", "there is no process 4194305"],
      ["a cgroup that is not there", "/no/such", "no such cgroup: /no/such"],
      ["a name nobody has", "default/nothing", "nothing on this node is called default/nothing"],
      ["an id nobody has", "feedfeedfeed", "nothing on this node is called feedfeedfeed"],
      ["too little of an id", "abc", "abc is too short"],
      ["a name of too many parts", "a/b/c/d", "a/b/c/d has too many parts"],
      ["an escape sequence", "\x1b[31mred\n", "nothing on this node is called \\x1b[31mred\\x0a"],
    ])("%s is refused in one line", async (_, what, message) => {
      const { exitCode, stdout, stderr } = await explain(what);
      expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
      expect(stderr).toStartWith(`oom-guard: ${message}`);
      expect(stderr).toMatch(/^[^\n]+\n$/);
      expect(stderr).not.toMatch(UNSAFE);
    });

    test("a cgroup with no limit anywhere is said to have none", async () => {
      const { leak } = await filled("n", undefined, 1);
      const { exitCode, stderr } = await explain(String(leak.pid));
      expect(exitCode).toBe(1);
      expect(stderr).toContain("no memory limit");
    });
  });

  describe("scan --enforce", () => {
    test("kills what is over its threshold, and nothing else", async () => {
      const over = await filled("k/over", 60, 54);
      const near = await filled("k/near", 60, 44);
      const outcome = await oomGuard("scan", "--enforce", ...at("k"), ...stateDir("kill"));
      expect(outcome.exitCode).toBe(0);
      expect(await over.leak.exited).toBe(137);
      expect(alive(near.leak.pid)).toBe(true);
      expect([over.cgroup.oomKills, near.cgroup.oomKills]).toEqual([0, 0]);
      const incidents = await history("kill");
      expect(incidents.length).toBe(1);
      expect(incidents[0]).toMatchObject({
        kind: "kill",
        trigger: "scan",
        policy: "container",
        cgroup: over.cgroup.path,
        limitBytes: 60 * MIB,
        thresholdBytes: 50 * MIB,
        victims: [{ pid: over.leak.pid, comm: "leak", oomScoreAdj: 0 }],
        event: { state: "off", attempts: 0 },
      });
      expect(incidents[0].usageBytes).toBeGreaterThanOrEqual(54 * MIB);
      expect(incidents[0].deadMillis).toBeGreaterThanOrEqual(0);
      const [, log] = [outcome.stdout, outcome.stderr];
      expect(log.split("\n").filter((line) => line.includes("killed")).length).toBe(1);
    });

    test("takes one process under policy process", async () => {
      const { cgroup, leak } = await filled("one", 60, 34);
      const second = await startLeak({ procsFile: cgroup.procsFile, megabytes: 20, hold: true });
      leaks.push(second);
      await until("both are there", () => cgroup.anonBytes >= 54 * MIB);
      const outcome = await oomGuard(
        "scan",
        "--enforce",
        "--policy",
        "process",
        ...at("one"),
        ...stateDir("one"),
      );
      expect(outcome.exitCode).toBe(0);
      expect(await leak.exited).toBe(137);
      expect(alive(second.pid)).toBe(true);
      expect(cgroup.oomKills).toBe(0);
    });

    test("records under noop what would have died", async () => {
      const { cgroup, leak } = await filled("noop", 60, 54);
      const outcome = await oomGuard(
        "scan",
        "--enforce",
        "--policy",
        "noop",
        ...at("noop"),
        ...stateDir("noop"),
      );
      expect(outcome.exitCode).toBe(0);
      expect(alive(leak.pid)).toBe(true);
      expect(await history("noop")).toMatchObject([
        {
          kind: "would-kill",
          trigger: "scan",
          policy: "noop",
          cgroup: cgroup.path,
          victims: [{ pid: leak.pid }],
        },
      ]);
    });

    test("records under noop the container of a pod that would have died, not its neighbours", async () => {
      const name = `noop-pods/kubepods/pod${UID}`;
      top.child(name, 100 * MIB);
      const large = await filled(`${name}/${"a".repeat(64)}`, undefined, 72);
      await filled(`${name}/${"b".repeat(64)}`, undefined, 20);
      await oomGuard("scan", "--enforce", "--policy", "noop", ...at("noop-pods"), ...stateDir("noop-pod"));
      const [incident, ...others] = await history("noop-pod");
      expect(others).toEqual([]);
      expect(incident.victims.map(({ pid }: { pid: number }) => pid)).toEqual([large.leak.pid]);
    });

    test("kills nobody for page cache", async () => {
      const cgroup = top.child("cache", 60 * MIB);
      const file = join(scratch, "cached");
      const fill = `echo $$ >"$1" && dd if=/dev/zero of="$2" bs=1M count=80 && sync "$2" && cat "$2"`;
      Bun.spawnSync(["/bin/sh", "-c", fill, "sh", cgroup.procsFile, file], {
        stdout: "ignore",
        stderr: "ignore",
      });
      const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 10, hold: true });
      leaks.push(leak);
      await until("the leak is full", () => cgroup.anonBytes >= 10 * MIB);
      const scanned = await row("cache");
      expect(scanned).toMatchObject({ state: "over" });
      expect(scanned?.reclaimableBytes).toBeGreaterThan(20 * MIB);
      const outcome = await oomGuard("scan", "--enforce", ...at("cache"), ...stateDir("cache"));
      expect(outcome.exitCode).toBe(0);
      expect(alive(leak.pid)).toBe(true);
      expect(await history("cache")).toEqual([]);
    });

    test("refuses beside a running guard, and does nothing", async () => {
      const { leak } = await filled("beside", 60, 54);
      const guard = Bun.spawn(
        [...command, "run", "--cgroup-root", `${top.path}/nothing-here`, ...stateDir("beside")],
        { stdio: ["ignore", "ignore", "pipe"] },
      );
      try {
        let said = "";
        const reader = guard.stderr.getReader();
        while (!said.includes(" guards ")) {
          const { value, done } = await reader.read();
          if (done) throw new Error(`the guard ended: ${said}`);
          said += new TextDecoder().decode(value);
        }
        reader.releaseLock();
        const outcome = await oomGuard("scan", "--enforce", ...at("beside"), ...stateDir("beside"));
        expect(outcome.exitCode).toBe(1);
        expect(outcome.stderr).toMatch(/^oom-guard: .*pid \d+.* is guarding already.*\n$/);
        expect(outcome.stderr).toContain(`pid ${guard.pid}`);
        expect(alive(leak.pid)).toBe(true);
        expect(await history("beside")).toEqual([]);
      } finally {
        guard.kill("SIGTERM");
        await guard.exited;
      }
    });
  });

  describe("a process with a hostile name", () => {
    // 15 bytes are what the kernel keeps.
    const names: [string, string][] = [
      ["an escape sequence", "\x1b[2J\x1b[31mred"],
      ["a forged line", "a\nb: ok\r<0>x"],
      ["a C1 control and a bidi override", "a\u009b31m\u202etxt"],
      ["bytes that are no UTF-8 once the kernel has cut them", "aaaaaaaaaaaaa日本"],
    ];

    test.each(names)("%s never reaches the output raw", async (kind, name) => {
      const directory = `h-${names.findIndex(([other]) => other === kind)}`;
      const program = join(scratch, name);
      copyFileSync(compileLeak(), program);
      const cgroup = top.child(directory, 60 * MIB);
      const child = Bun.spawn([program, cgroup.procsFile, "54", "hold"], {
        stdio: ["ignore", "ignore", "inherit"],
      });
      try {
        await until("it is full", () => cgroup.pids.length === 1 && cgroup.anonBytes >= 54 * MIB);
        const file = config(`cgroup_roots = ["${cgroup.path}"]\nmin_margin = "10M"\nmax_margin = "10M"`);
        const outcomes: Outcome[] = [];
        const run = async (...args: string[]) => {
          outcomes.push(await oomGuard(...args));
          return outcomes.at(-1)!.stdout;
        };
        const comm = new TextDecoder().decode(new TextEncoder().encode(name).subarray(0, 15));
        await run("scan", ...file);
        expect(JSON.parse(await run("scan", "--json", ...file)).cgroups).toMatchObject([
          { kernelVictim: { comm } },
        ]);
        await run("explain", String(child.pid), ...file);
        expect(JSON.parse(await run("explain", String(child.pid), "--json", ...file))).toMatchObject({
          processes: [{ comm }],
        });
        for (const format of ["text", "json", "journal"]) {
          await run(
            "scan",
            "--enforce",
            "--policy",
            "noop",
            "--log-format",
            format,
            ...file,
            ...stateDir(directory),
          );
        }
        await run("scan", "--enforce", ...file, ...stateDir(directory));
        await child.exited;
        expect(child.signalCode).toBe("SIGKILL");
        await run("history", ...stateDir(directory));
        expect(JSON.parse(await run("history", "--json", ...stateDir(directory))).incidents).toMatchObject([
          { kind: "kill", victims: [{ comm }] },
          ...Array(3).fill({ kind: "would-kill", victims: [{ comm }] }),
        ]);
        for (const { exitCode, stdout, stderr } of outcomes) {
          expect(exitCode).toBe(0);
          expect(stdout).not.toMatch(UNSAFE);
          expect(stderr).not.toMatch(UNSAFE);
        }
      } finally {
        child.kill("SIGKILL");
        await child.exited;
      }
    });
  });
});
