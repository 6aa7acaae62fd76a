import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import type { LogFormat } from "../../../../src/config/config.ts";
import { createLog, type Log } from "../../../../src/report/log.ts";
import { DatagramReceiver } from "../../../support/datagram-receiver.ts";
import { journalFields } from "../../../support/journal-entry.ts";
import { until } from "../../../support/until.ts";

let folder = "";
let socket = "";
let receiver: DatagramReceiver;
let lines: string[];
let log: Log;

function logTo(format: LogFormat, isJournal = false): Log {
  const target = { isTty: false, isJournal, write: (line: string) => lines.push(line) > 0 };
  return createLog({ format, level: "debug", env: {}, target, journalSocket: socket });
}

beforeEach(() => {
  folder = mkdtempSync(`${tmpdir()}/oom-guard-journal-`);
  socket = `${folder}/socket`;
  receiver = new DatagramReceiver(socket);
  lines = [];
  log = logTo("journal");
});
afterEach(async () => {
  await log.close();
  receiver.close();
  rmSync(folder, { recursive: true, force: true });
});

const received = () =>
  receiver.takeAll().map(({ payload, file }) => journalFields(file === null ? payload : file.content));
const messages = () => received().map(({ MESSAGE }) => MESSAGE);

function goAway(): void {
  receiver.close();
  rmSync(socket, { force: true });
}

describe("the journal is written to", () => {
  test.each([
    ["by format journal", "journal", false, true],
    ["by format auto where it reads standard error", "auto", true, true],
    ["not by format auto elsewhere", "auto", false, false],
    ["not by format text", "text", true, false],
    ["not by format json", "json", true, false],
  ] as const)("%s", async (_, format, isJournal, isNative) => {
    const other = logTo(format, isJournal);
    other.warn("guarding", "hello");
    expect(received().length).toBe(isNative ? 1 : 0);
    expect(lines.length).toBe(isNative ? 0 : 1);
    await other.close();
  });

  test.each(["journal", "auto"] as const)("format %s writes lines where no socket is", (format) => {
    goAway();
    logTo(format, true).warn("guarding", "hello", { pod: "a" });
    expect(lines).toEqual(["<4>hello pod=a\n"]);
  });

  test("by each level, from the one that is set", () => {
    log.error("stuck", "e");
    log.debug("d", { cgroup: "/a" });
    log.setLevel("info");
    log.debug("not said");
    expect(received()).toMatchObject([
      { MESSAGE: "e", PRIORITY: "3" },
      { MESSAGE: "d cgroup=/a", PRIORITY: "7", OOM_GUARD_CGROUP: "/a" },
    ]);
  });
});

describe("an entry no datagram holds", () => {
  test("comes whole, in a sealed file", () => {
    const cgroup = "\n日本\x1b".repeat(100_000);
    log.warn("kill", "killed", { cgroup });
    log.warn("kill", "and on");
    const [large, next] = receiver.takeAll();
    expect(large?.payload.length).toBe(0);
    expect(large?.file?.seals).toBe(15);
    expect(journalFields(large!.file!.content).OOM_GUARD_CGROUP === cgroup).toBe(true);
    expect(journalFields(next!.payload).MESSAGE).toBe("and on");
  });

  test("waits like any other", () => {
    goAway();
    const cgroup = "x".repeat(300_000);
    log.warn("kill", "killed", { cgroup });
    receiver = new DatagramReceiver(socket);
    log.warn("kill", "and on");
    expect(received().map(({ MESSAGE, OOM_GUARD_CGROUP }) => [MESSAGE, OOM_GUARD_CGROUP?.length])).toEqual([
      ["killed", 300_000],
      ["and on", undefined],
    ]);
  });
});

describe("a journald that is restarted", () => {
  test.each([
    ["its socket is gone", goAway],
    ["nobody is behind its socket", () => receiver.close()],
  ])("gets what was said meanwhile, in order: %s", (_, leave) => {
    log.info("guarding", "before");
    expect(messages()).toEqual(["before"]);
    leave();
    log.info("guarding", "one");
    log.info("guarding", "two");
    rmSync(socket, { force: true });
    receiver = new DatagramReceiver(socket);
    log.info("guarding", "after");
    const entries = received();
    expect(entries.map(({ MESSAGE }) => MESSAGE)).toEqual(["one", "two", "after"]);
    expect(entries.map(({ OOM_GUARD_TIME }) => OOM_GUARD_TIME !== undefined)).toEqual([true, true, false]);
    expect(lines).toEqual([]);
  });

  test("gets it without anything new being said", async () => {
    goAway();
    log.info("guarding", "one");
    receiver = new DatagramReceiver(socket);
    await until("it is sent", () => messages().includes("one"));
  });

  test("one that is stopped, with its queue full, blocks nobody and gets all of it", async () => {
    for (let i = 0; i < 400; i++) log.info("guarding", `entry ${i}`);
    const seen: (string | undefined)[] = [];
    await until("all came", () => seen.push(...messages()) >= 400);
    expect(seen).toEqual(Array.from({ length: 400 }, (_, i) => `entry ${i}`));
  });
});
