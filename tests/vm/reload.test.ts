import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { InstalledGuard } from "../support/installed-guard.ts";
import { startLeak } from "../support/leak.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(300_000);

describe("systemctl reload oom-guard", () => {
  let guard: InstalledGuard;
  let cgroup: TestCgroup;

  beforeAll(async () => {
    guard = await InstalledGuard.start('policy = "noop"\n');
    cgroup = new TestCgroup(`/kubepods/burstable/pod${crypto.randomUUID()}`, 100 * MIB);
  });

  afterEach(() => guard.active());

  afterAll(async () => {
    await cgroup.remove();
    guard.remove();
  });

  const leak = async () => {
    const running = await startLeak({
      procsFile: cgroup.procsFile,
      megabytes: 99,
      rateMbPerS: 20,
      hold: true,
    });
    await until("it has an incident", () => guard.incidents(cgroup.path).length > 0);
    return running;
  };

  test("a bad file changes nothing, and both systemctl and the journal say why", async () => {
    const pid = guard.pid;
    guard.configure('polcy = "container"\n');
    guard.systemctl("reload", "oom-guard");
    await until("the status tells of it", () => guard.property("StatusText").includes("polcy"));
    const errors = await guard.journaled("PRIORITY=3");
    expect(errors.map(({ MESSAGE }) => MESSAGE).join()).toContain('unknown key "polcy"');
    expect(guard.pid).toBe(pid);

    const noted = await leak();
    expect(guard.incidents(cgroup.path).map(({ kind }) => kind)).toEqual(["would-kill"]);
    await noted.kill();
  });

  test("a good file is in force at once, in the same process", async () => {
    const pid = guard.pid;
    guard.configure('policy = "process"\n');
    guard.systemctl("reload", "oom-guard");
    await until("the complaint is gone", () => !guard.property("StatusText").includes("polcy"));
    const leaking = await startLeak({ procsFile: cgroup.procsFile, megabytes: 200, rateMbPerS: 20 });
    expect(await leaking.exited).toBe(137);
    expect(await guard.incident(cgroup.path, "kill")).toMatchObject({ policy: "process" });
    expect(guard.pid).toBe(pid);
    expect(guard.property("NRestarts")).toBe("0");
  });
});
