import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  setDefaultTimeout,
  test,
} from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { messageIds } from "../../src/report/message-kind.ts";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { BINARY } from "../support/guard.ts";
import { type JournalRow, TestJournald } from "../support/journald.ts";
import { startLeak } from "../support/leak.ts";
import { missingJournald } from "../support/requirements.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(60_000);

describe.skipIf(missingJournald() !== null)("a guard under a real journald", () => {
  let journald: TestJournald;
  let top: TestCgroup;
  let directory: string;
  let guard: Bun.Subprocess | null;

  beforeAll(async () => {
    journald = await TestJournald.start();
  });
  afterAll(() => journald.stop());

  beforeEach(() => {
    top = TestCgroup.top();
    directory = mkdtempSync(`${tmpdir()}/oom-guard-journal-`);
    guard = null;
    writeFileSync(
      `${directory}/config.toml`,
      '[runtime]\nsockets = ["/nonexistent.sock"]\n[kubernetes]\nkubeconfig = "off"\n',
    );
  });
  afterEach(async () => {
    guard?.kill("SIGTERM");
    await guard?.exited;
    await top.remove();
    rmSync(directory, { recursive: true, force: true });
  });

  const settings = () => [
    ...["--config", `${directory}/config.toml`],
    ...["--state-dir", directory],
    ...["--cgroup-root", top.path],
  ];

  /** Of the guard that runs now only. */
  const rows = (...matches: string[]): JournalRow[] => journald.rows(`_PID=${guard!.pid}`, ...matches);

  async function startGuard(...flags: string[]): Promise<void> {
    const argv = journald.asService([BINARY, "run", ...settings(), ...flags]);
    guard = Bun.spawn(argv, { stdio: ["ignore", "ignore", "ignore"] });
    await until("it guards", () => rows(`MESSAGE_ID=${messageIds.guarding}`).length > 0);
  }

  async function leakInto(name: string): Promise<TestCgroup> {
    const cgroup = await top.armedChild(name, 100 * MIB);
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 300 });
    expect(await leak.exited).toBe(137);
    return cgroup;
  }

  function history() {
    const result = Bun.spawnSync([BINARY, "history", "--json", "--state-dir", directory]);
    return JSON.parse(result.stdout.toString()).incidents;
  }

  async function killOf(cgroup: TestCgroup): Promise<JournalRow> {
    const match = `OOM_GUARD_CGROUP=${cgroup.path}`;
    await until("the kill is in the journal", () => rows(match).length > 0);
    return rows(match)[0]!;
  }

  test("a kill is one entry, with the fields that history has", async () => {
    await startGuard();
    const cgroup = await leakInto("leak");
    const row = await killOf(cgroup);
    const [incident, ...others] = history();
    expect(others).toEqual([]);
    expect(row).toMatchObject({
      _TRANSPORT: "journal",
      MESSAGE_ID: messageIds.kill,
      PRIORITY: "4",
      SYSLOG_IDENTIFIER: "oom-guard",
      OOM_GUARD_INCIDENT: incident.id,
      OOM_GUARD_KIND: "kill",
      OOM_GUARD_TRIGGER: incident.trigger,
      OOM_GUARD_POLICY: incident.policy,
      OOM_GUARD_CGROUP: incident.cgroup,
      OOM_GUARD_LIMIT_BYTES: String(incident.limitBytes),
      OOM_GUARD_THRESHOLD_BYTES: String(incident.thresholdBytes),
      OOM_GUARD_USAGE_BYTES: String(incident.usageBytes),
      OOM_GUARD_RECLAIMABLE_BYTES: String(incident.reclaimableBytes),
      OOM_GUARD_DECIDE_MICROS: String(incident.decideMicros),
      OOM_GUARD_VICTIM_COUNT: "1",
      OOM_GUARD_PIDS: String(incident.victims[0].pid),
    });
    expect(row.MESSAGE).toStartWith("killed processes in cgroup ");
    expect(row.MESSAGE).not.toContain("=");
    expect(Object.keys(row)).not.toContain("OOM_GUARD_POD");
    expect(Object.keys(row)).not.toContain("OOM_GUARD_TIME");
  });

  test("nothing comes as a line, and journalctl -x explains it", async () => {
    await startGuard("--log-level", "debug");
    const cgroup = await leakInto("leak");
    const { OOM_GUARD_INCIDENT } = await killOf(cgroup);
    expect(rows("_TRANSPORT=stdout")).toEqual([]);
    const text = journald.journalctl("-x", `OOM_GUARD_CGROUP=${cgroup.path}`);
    expect(text).toContain("Subject: A container was killed before it reached its memory limit");
    expect(text).toContain(`journalctl -o verbose OOM_GUARD_INCIDENT=${OOM_GUARD_INCIDENT}`);
    expect(text).not.toContain("@");
    const listed = journald.journalctl("--list-catalog").trim().split("\n");
    expect(listed).toHaveLength(Object.keys(messageIds).length);
  });

  test("a cgroup with a hostile name is found by that name, and shown as a safe sentence", async () => {
    await startGuard();
    const cgroup = await leakInto('\x1b[31mred\tPRIORITY=0 "x"');
    const row = await killOf(cgroup);
    expect(Buffer.from(row.OOM_GUARD_CGROUP as number[]).toString()).toBe(cgroup.path);
    expect(row.PRIORITY).toBe("4");
    expect(row.MESSAGE).toContain('\\x1b[31mred\\x09PRIORITY=0 "x"');
    expect(journald.journalctl("-x", `OOM_GUARD_CGROUP=${cgroup.path}`)).not.toContain("\x1b");
  });

  test("a journald that is away in the moment of the kill gets it when it is back", async () => {
    await startGuard();
    await journald.end();
    const cgroup = await leakInto("leak");
    await until("it is recorded", () => history().length === 1);
    await journald.run();
    const row = await killOf(cgroup);
    expect(row.OOM_GUARD_INCIDENT).toBe(history()[0].id);
    expect(Date.parse(String(row.OOM_GUARD_TIME)) * 1000).toBeLessThan(Number(row.__REALTIME_TIMESTAMP));
  });

  test("a journald that hangs holds up no kill", async () => {
    await startGuard("--log-level", "debug");
    await journald.freeze();
    const cgroups: TestCgroup[] = [];
    // More than its queue may hold where net.unix.max_dgram_qlen is 10.
    for (let i = 0; i < 8; i++) cgroups.push(await leakInto(`leak${i}`));
    await until("all are recorded", () => history().length === 8);
    journald.thaw();
    for (const cgroup of cgroups) await killOf(cgroup);
    for (const cgroup of cgroups) expect(cgroup.oomKills).toBe(0);
  });

  test("it is found without JOURNAL_STREAM, which systemd 219 does not set", async () => {
    const argv = journald.asOldService([BINARY, "run", ...settings()]);
    guard = Bun.spawn(argv, { stdio: ["ignore", "ignore", "ignore"] });
    await until("it guards", () => rows(`MESSAGE_ID=${messageIds.guarding}`).length > 0);
    expect(rows("_TRANSPORT=stdout")).toEqual([]);
  });

  test("what is said at the very end still comes", async () => {
    await startGuard();
    guard!.kill("SIGTERM");
    expect(await guard!.exited).toBe(0);
    await until("it is in the journal", () => rows(`MESSAGE_ID=${messageIds.stopping}`).length === 1);
  });

  test("what a journald missed that is away until the end is on standard error", async () => {
    const argv = journald.inside([BINARY, "run", ...settings(), "--log-format", "journal"]);
    guard = Bun.spawn(argv, { stdio: ["ignore", "ignore", Bun.file(`${directory}/stderr`)] });
    await until("it guards", () => rows(`MESSAGE_ID=${messageIds.guarding}`).length > 0);
    await journald.end();
    guard.kill("SIGTERM");
    expect(await guard.exited).toBe(0);
    expect(readFileSync(`${directory}/stderr`, "utf8")).toBe("<6>stopping on SIGTERM\n");
    await journald.run();
  });

  test.each(["json", "text"])("format %s stays what it was: lines", async (format) => {
    const argv = journald.asService([BINARY, "run", ...settings(), "--log-format", format]);
    guard = Bun.spawn(argv, { stdio: ["ignore", "ignore", "ignore"] });
    await until("it guards", () => rows().some(({ MESSAGE }) => String(MESSAGE).includes(" guards ")));
    expect(rows("_TRANSPORT=journal")).toEqual([]);
  });
});
