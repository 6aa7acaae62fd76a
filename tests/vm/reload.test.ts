import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { InstalledGuard } from "../support/installed-guard.ts";
import { until } from "../support/until.ts";
import { BareContainer } from "../support/vm/bare-container.ts";

setDefaultTimeout(300_000);

describe("systemctl reload oom-guard", () => {
  let guard: InstalledGuard;
  let container: BareContainer;

  beforeAll(async () => {
    guard = await InstalledGuard.start('policy = "noop"\n');
    container = await BareContainer.create(100);
  });

  afterEach(() => guard.active());

  afterAll(async () => {
    await container.remove();
    guard.remove();
  });

  const leak = async () => {
    const running = await container.leak(99);
    await until("it has an incident", () => guard.incidents(container.path).length > 0);
    return running;
  };

  test("a bad file changes nothing, and both systemctl and the journal say why", async () => {
    const pid = guard.pid;
    guard.configure('polcy = "container"\n');
    guard.systemctl("reload", "oom-guard");
    await until("the status tells of it", () => guard.property("StatusText").includes("polcy"));
    const errors = await guard.journaled("PRIORITY=3");
    expect(errors.map(({ MESSAGE }) => MESSAGE).join()).toContain(
      'polcy = "container": unknown key, did you mean policy?',
    );
    expect(guard.pid).toBe(pid);

    // Not read again by the guard, but by the commands that ask for its history.
    guard.configure('policy = "noop"\n');
    const noted = await leak();
    expect(guard.incidents(container.path).map(({ kind }) => kind)).toEqual(["would-kill"]);
    await noted.kill();
  });

  test("a good file is in force at once, in the same process", async () => {
    const pid = guard.pid;
    guard.configure('policy = "process"\n');
    guard.systemctl("reload", "oom-guard");
    await until("the complaint is gone", () => !guard.property("StatusText").includes("polcy"));
    const leaking = await container.leak(200);
    expect(await leaking.exited).toBe(137);
    expect(await guard.incident(container.path, "kill")).toMatchObject({ policy: "process" });
    expect(guard.pid).toBe(pid);
    expect(guard.property("NRestarts")).toBe("0");
  });
});
