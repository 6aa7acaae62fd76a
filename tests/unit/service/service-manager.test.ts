import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { EAGAIN, ENOENT } from "../../../ffi/errno.ts";
import { UnixDatagram } from "../../../ffi/unix-datagram.ts";
import { ServiceManager } from "../../../src/service/service-manager.ts";
import { DatagramReceiver } from "../../support/datagram-receiver.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { scratch } from "../record/tiny-disk.ts";
import { hostileNames } from "../report/hostile.ts";

let clock: FakeClock;
let troubles: string[];

beforeEach(() => {
  clock = new FakeClock();
  troubles = [];
});

const managerOn = (send: (payload: Uint8Array<ArrayBuffer>) => number) =>
  new ServiceManager({
    send,
    clock,
    monotonicMicros: () => 123_456_789,
    onTrouble: (errno) => troubles.push(String(errno)),
    onRecovered: () => troubles.push("recovered"),
  });

describe.each([
  ["a path", (folder: string) => join(folder, "notify")],
  ["an abstract address", () => `@oom-guard-notify-${process.pid}`],
])("at %s", (_, addressIn) => {
  let folder: ReturnType<typeof scratch>;
  let receiver: DatagramReceiver;
  let socket: UnixDatagram;
  let manager: ServiceManager;

  beforeEach(() => {
    folder = scratch();
    const address = addressIn(folder.path);
    receiver = new DatagramReceiver(address);
    socket = new UnixDatagram(address);
    manager = managerOn((payload) => socket.send(payload));
  });

  afterEach(() => {
    socket.close();
    receiver.close();
    folder[Symbol.dispose]();
  });

  const received = () => receiver.take().map(String);

  test("each message is one datagram of assignments, as sd_notify(3) wants them", () => {
    manager.ready("guarding 2 cgroups");
    manager.reloading("again");
    manager.status("fine");
    manager.watchdog();
    manager.stopping("bye");
    expect(received()).toEqual([
      "READY=1\nSTATUS=guarding 2 cgroups",
      "RELOADING=1\nMONOTONIC_USEC=123456789\nSTATUS=again",
      "STATUS=fine",
      "WATCHDOG=1",
      "STOPPING=1\nSTATUS=bye",
    ]);
    expect(clock.pending).toBe(0);
  });

  test.each(hostileNames)(
    "%s in a status is no second assignment, and nothing the manager drops",
    (_, name) => {
      manager.status(`${name}\nWATCHDOG=trigger\nMAINPID=1`);
      const [message, ...others] = receiver.take();
      expect(others).toEqual([]);
      expect(message!.length).toBeLessThan(4096);
      const text = new TextDecoder("utf-8", { fatal: true }).decode(message);
      expect(text.split("\n")).toHaveLength(1);
      expect(text).not.toContain("\0");
      expect(text).toStartWith("STATUS=");
    },
  );

  test("a queue that is full loses nothing: the newest of each kind comes, in order", async () => {
    let filler = 0;
    while (socket.send(new Uint8Array([0])) === 0) filler++;
    manager.ready("one");
    manager.status("two");
    manager.watchdog();
    manager.reloading("three");
    manager.ready("four");
    await clock.pass(5000);
    expect(receiver.take()).toHaveLength(filler);
    await clock.pass(1000);
    expect(received()).toEqual([
      "WATCHDOG=1",
      "RELOADING=1\nMONOTONIC_USEC=123456789\nSTATUS=three",
      "READY=1\nSTATUS=four",
    ]);
    expect(new Set(troubles)).toEqual(new Set([String(EAGAIN), "recovered"]));
    expect(clock.pending).toBe(0);
  });

  test("the end is told though the queue is full for a moment", async () => {
    while (socket.send(new Uint8Array([0])) === 0);
    manager.ready("late");
    manager.stopping("bye");
    const closed = manager.close();
    await clock.pass(100);
    receiver.take();
    await clock.pass(100);
    await closed;
    expect(received()).toEqual(["STOPPING=1\nSTATUS=bye"]);
    expect(clock.pending).toBe(0);
  });

  test("and is not waited for when it stays full", async () => {
    while (socket.send(new Uint8Array([0])) === 0);
    manager.stopping("bye");
    const closed = manager.close();
    await clock.pass(300);
    await closed;
    expect(clock.pending).toBe(0);
  });
});

test("a full queue is tried again ever more seldom, once a second at last", async () => {
  let tries = 0;
  const manager = managerOn(() => {
    tries++;
    return -EAGAIN;
  });
  manager.ready("");
  await clock.pass(100);
  expect(tries).toBe(3);
  await clock.pass(60_000);
  expect(tries).toBeLessThan(70);
  expect(tries).toBeGreaterThan(55);
});

test("a manager that is away is told at the next occasion, without a timer", () => {
  let isAway = true;
  const texts: string[] = [];
  const manager = managerOn((payload) => {
    if (isAway) return -ENOENT;
    texts.push(new TextDecoder().decode(payload));
    return 0;
  });
  manager.ready("here");
  manager.watchdog();
  expect(clock.pending).toBe(0);
  isAway = false;
  manager.retry();
  manager.retry();
  expect(texts).toEqual(["READY=1\nSTATUS=here", "WATCHDOG=1"]);
  expect(troubles).toEqual([String(ENOENT), String(ENOENT), "recovered"]);
});

test("after the end has begun nobody is told that all is ready, and the end is told once", () => {
  const texts: string[] = [];
  const manager = managerOn((payload) => {
    texts.push(new TextDecoder().decode(payload));
    return 0;
  });
  manager.stopping("SIGTERM");
  manager.ready("late");
  manager.reloading("late");
  manager.stopping("SIGINT");
  expect(texts).toEqual(["STOPPING=1\nSTATUS=SIGTERM"]);
});
