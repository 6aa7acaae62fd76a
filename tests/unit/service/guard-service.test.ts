import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createLog } from "../../../src/report/log.ts";
import type { GuardCounts } from "../../../src/report/status-text.ts";
import { GuardService } from "../../../src/service/guard-service.ts";
import { tellFailure } from "../../../src/service/tell-failure.ts";
import { DatagramReceiver } from "../../support/datagram-receiver.ts";
import { until } from "../../support/until.ts";

const ADDRESS = `@oom-guard-service-${process.pid}`;
const DONE = "killed, 0 would have been, 0 by the kernel since start";

let lines: string[];
let asked: string[];
let kills: number;
let answers: boolean;

const guard = {
  get counts(): GuardCounts {
    asked.push("counts");
    const incidents = { kill: kills, "would-kill": 0, "kernel-oom": 0, stuck: 0 };
    return { cgroups: 1, incidents, unstored: 0, waitingEvents: 0 };
  },
  ping(): Promise<boolean> {
    asked.push("ping");
    return answers ? Promise.resolve(true) : new Promise(() => undefined);
  },
};

function service(address: string | null, watchdogMs: number | null = null): GuardService {
  const target = { isTty: false, isJournal: false, write: (line: string) => lines.push(line) > 0 };
  const log = createLog({ format: "text", level: "info", env: {}, target });
  return new GuardService({ address, watchdogMs, problems: [] }, log);
}

beforeEach(() => {
  lines = [];
  asked = [];
  kills = 0;
  answers = true;
});

test("without a service manager nothing is asked and nothing is said", async () => {
  const unheard = service(null, 50);
  unheard.started(guard);
  unheard.renew();
  unheard.reloading()(null);
  unheard.stopping("SIGTERM");
  await unheard.close();
  expect([asked, lines]).toEqual([[], []]);
});

test("an address that no socket can have is said once, and the guard goes on", () => {
  const unheard = service(`/${"x".repeat(200)}`, 50);
  unheard.started(guard);
  unheard.renew();
  expect(asked).toEqual([]);
  expect(lines).toHaveLength(1);
});

test("a manager that is not there is said once, however often it is tried", () => {
  const unheard = service("/nonexistent/notify");
  unheard.started(guard);
  for (kills = 1; kills < 5; kills++) unheard.renew();
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain("/nonexistent/notify: ENOENT");
});

describe("to a service manager", () => {
  let receiver: DatagramReceiver;
  let heard: GuardService;
  const received = () => receiver.take().map(String);

  beforeEach(() => {
    receiver = new DatagramReceiver(ADDRESS);
    heard = service(ADDRESS);
  });

  afterEach(async () => {
    heard.stopping("the end of the test");
    await heard.close();
    receiver.close();
  });

  test("the start is over when the guard says so; without a watchdog the sentinel is left alone", async () => {
    heard.renew();
    expect(received()).toEqual([]);
    heard.started(guard);
    expect(received()).toEqual([`READY=1\nSTATUS=guarding 1 cgroup; 0 ${DONE}`]);
    await Bun.sleep(100);
    expect(asked).not.toContain("ping");
  });

  test("the status is renewed when it has changed, and only then", () => {
    heard.started(guard);
    received();
    heard.renew();
    expect(received()).toEqual([]);
    kills = 2;
    heard.renew();
    heard.renew();
    expect(received()).toEqual([`STATUS=guarding 1 cgroup; 2 ${DONE}`]);
  });

  test("a file that is not in force is in the status until one is", () => {
    heard.started(guard);
    received();
    heard.reloading()("config.toml: margin_ratio = 2");
    const problem = "the running configuration stays: config.toml: margin_ratio = 2";
    const [begun, over] = received();
    expect(begun).toMatch(/^RELOADING=1\nMONOTONIC_USEC=\d+\nSTATUS=/);
    expect(over).toBe(`READY=1\nSTATUS=guarding 1 cgroup; 0 ${DONE}; ${problem}`);
    kills = 1;
    heard.renew();
    expect(received()).toEqual([`STATUS=guarding 1 cgroup; 1 ${DONE}; ${problem}`]);
    heard.reloading()(null);
    expect(received()[1]).toBe(`READY=1\nSTATUS=guarding 1 cgroup; 1 ${DONE}`);
  });

  test("a reload that overtakes another is the one whose end counts", () => {
    heard.started(guard);
    const first = heard.reloading();
    const second = heard.reloading();
    received();
    first(null);
    expect(received()).toEqual([]);
    second(null);
    expect(received()).toHaveLength(1);
  });

  test("told to stop while it starts, it is never ready, and no beat follows", async () => {
    heard = service(ADDRESS, 60);
    heard.stopping("stopping on SIGTERM");
    heard.started(guard);
    heard.renew();
    heard.reloading()(null);
    await Bun.sleep(100);
    expect(received()).toEqual(["STOPPING=1\nSTATUS=stopping on SIGTERM"]);
    expect(asked).toEqual([]);
  });

  test("a sentinel that does not answer gets no beats, which is said once, and so is its answer", async () => {
    answers = false;
    heard = service(ADDRESS, 120);
    heard.started(guard);
    await until("it is said", () => lines.some((line) => line.includes("systemd will restart oom-guard")));
    await Bun.sleep(200);
    expect(lines).toHaveLength(1);
    expect(received()).not.toContain("WATCHDOG=1");
    expect(asked.filter((what) => what === "ping")).toHaveLength(1);
  });

  test("the reason of a failed start is left as a status", () => {
    tellFailure({ address: ADDRESS, watchdogMs: null, problems: [] }, "another oom-guard\nREADY=1");
    expect(received()).toEqual(["STATUS=another oom-guard\\x0aREADY=1"]);
  });
});

test.each([[null], [`@nobody-${process.pid}`], [`/${"x".repeat(200)}`]])(
  "that reason is lost at %s without a word",
  (address) => {
    tellFailure({ address, watchdogMs: null, problems: [] }, "why");
  },
);
