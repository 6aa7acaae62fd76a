import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { ApiErrorKind } from "../../../../src/kubernetes/api-error.ts";
import { settled } from "../../../support/fake-clock.ts";
import type { Fate } from "./fake-server.ts";
import { Rig } from "./rig.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const unnamed = { namespace: null, pod: null, podUid: null, container: null };

/** Fates for the first requests; what comes after is answered. */
function fates(...first: Fate[]): () => Fate {
  return () => first.shift() ?? "answer";
}

function podNames(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `pod-${String(i).padStart(2, "0")}`);
}

describe("an incident", () => {
  test("becomes an Event, and says so", async () => {
    using rig = new Rig();
    const [id] = await rig.happen(["web"]);
    expect([...rig.server.events.keys()]).toEqual([`default/web.${id}`]);
    expect(rig.incidents[0]?.event).toEqual({ state: "sent", attempts: 1, name: `web.${id}`, reason: null });
    expect(rig.told).toEqual([]);
  });

  test("that happens again grows its Event", async () => {
    using rig = new Rig();
    for (let i = 0; i < 3; i++) {
      await rig.happen(["web"]);
      await rig.clock.pass(MINUTE);
    }
    expect(rig.server.take()).toEqual(["POST web:1", "PATCH web:2", "PATCH web:3"]);
    expect(rig.server.counts).toEqual(["web:3"]);
    const [event] = rig.server.events.values();
    expect(Date.parse(event!.lastTimestamp) - Date.parse(event!.firstTimestamp)).toBe(2 * MINUTE);
  });

  test("after more than an hour gets an Event of its own", async () => {
    using rig = new Rig();
    await rig.happen(["web"]);
    await rig.clock.pass(HOUR + 1);
    await rig.happen(["web"]);
    expect(rig.server.counts).toEqual(["web:1", "web:1"]);
  });

  test.each([
    ["kill", { policy: "process" }, "OomGuardKillProcess"],
    ["kill", { policy: "container" }, "OomGuardKillContainer"],
    ["kernel-oom", {}, "OomGuardKernelOomKill"],
    ["stuck", {}, "OomGuardKillStuck"],
  ] as const)("of kind %s %p has the reason %s", async (kind, changes, reason) => {
    using rig = new Rig();
    await rig.happen(["web"], { kind, ...changes });
    expect([...rig.server.events.values()].map((event) => event.reason)).toEqual([reason]);
  });

  test("that was stored by an earlier process is sent by the next", async () => {
    using rig = new Rig();
    rig.server.fateOf = () => "hang";
    await rig.happen(["web"]);
    rig.server.fateOf = () => "answer";
    rig.crash();
    await settled();
    expect(rig.server.counts).toEqual(["web:1"]);
  });
});

describe("an answer that gets lost", () => {
  test.each([
    ["of the POST, that was done", [{ after: "timeout" }], ["POST web:1", "POST web:1", "PATCH web:1"]],
    ["of the POST, that never arrived", [{ before: "timeout" }], ["POST web:1", "POST web:1"]],
    [
      "of the PATCH after the conflict",
      [{ after: "timeout" }, "answer", { after: "timeout" }],
      ["POST web:1", "POST web:1", "PATCH web:1", "POST web:1", "PATCH web:1"],
    ],
    ["again and again", Array(5).fill({ after: "unreachable" }), null],
  ] as [string, Fate[], string[] | null][])(
    "%s: one Event, counted once",
    async (_promise, lost, expected) => {
      using rig = new Rig();
      rig.server.fateOf = fates(...lost);
      await rig.happen(["web"]);
      await rig.clock.pass(5 * MINUTE);
      if (expected !== null) expect(rig.server.take()).toEqual(expected);
      expect(rig.server.counts).toEqual(["web:1"]);
      expect([...rig.server.made.values()]).toEqual([1]);
      expect(rig.states).toEqual(["sent"]);
      expect(rig.clock.pending).toBe(0);
    },
  );

  test("of the PATCH of a second incident: the count is right", async () => {
    using rig = new Rig();
    await rig.happen(["web"]);
    rig.server.fateOf = fates({ after: "timeout" });
    await rig.happen(["web"]);
    await rig.clock.pass(MINUTE);
    expect(rig.server.take()).toEqual(["POST web:1", "PATCH web:2", "PATCH web:2"]);
    expect(rig.server.counts).toEqual(["web:2"]);
    expect(rig.incidents.map(({ event }) => [event.state, event.attempts])).toEqual([
      ["sent", 1],
      ["sent", 2],
    ]);
  });

  test.each([
    ["before the request", { before: "timeout" }],
    ["after the server did it", { after: "timeout" }],
    ["while it waits for the answer", "hang"],
  ] as [string, Fate][])("because the process died %s", async (_promise, fate) => {
    using rig = new Rig();
    await rig.happen(["web"]);
    rig.server.fateOf = () => fate;
    rig.add(["web", "db"]);
    for (let i = 0; i < 5; i++) {
      await rig.clock.pass(1);
      rig.crash();
    }
    rig.server.fateOf = () => "answer";
    await rig.clock.pass(MINUTE);
    expect(rig.server.counts).toEqual(["db:1", "web:2"]);
    expect([...rig.server.made.values()]).toEqual([1, 1]);
    expect(rig.states).toEqual(["sent", "sent", "sent"]);
  });

  test("because it died between the answer and the note", async () => {
    using rig = new Rig();
    let crashes = 3;
    const latency = rig.server.latency;
    rig.server.latency = async () => {
      await latency();
      // The server goes on with what it was asked; nobody hears of it.
      if (crashes-- > 0) rig.crash();
    };
    await rig.happen(["web"]);
    await rig.clock.pass(MINUTE);
    expect(rig.server.counts).toEqual(["web:1"]);
    expect([...rig.server.made.values()]).toEqual([1]);
    expect(rig.states).toEqual(["sent"]);
  });
});

describe("an Event that is gone from the server", () => {
  test("by its age or by hand is made again, whole, when there is something new to tell", async () => {
    using rig = new Rig();
    await rig.happen(["web"]);
    rig.server.events.clear();
    await rig.happen(["web"]);
    expect(rig.server.take()).toEqual(["POST web:1", "PATCH web:2", "POST web:2"]);
    expect(rig.server.counts).toEqual(["web:2"]);
    await rig.happen(["web"]);
    expect(rig.server.take()).toEqual(["PATCH web:3"]);
  });

  test("when it is changed, and there when it is made: no endless loop", async () => {
    using rig = new Rig();
    let i = 0;
    rig.server.fateOf = () => ({ before: i++ % 2 === 0 ? "conflict" : "not-found" });
    await rig.happen(["web"]);
    expect(rig.server.take().length).toBe(4);
    expect(rig.told).toEqual(["trouble garbage"]);
    rig.server.fateOf = () => "answer";
    await rig.clock.pass(MINUTE);
    expect(rig.server.counts).toEqual(["web:1"]);
  });
});

describe("an outage", () => {
  test.each([
    "unconfigured",
    "unreachable",
    "tls",
    "unauthorized",
    "throttled",
    "timeout",
    "server",
    "garbage",
    "forbidden",
  ] as ApiErrorKind[])("(%s) with 20 pods: each Event once when it is over, and few probes", async (kind) => {
    using rig = new Rig();
    rig.server.fateOf = () => ({ before: kind });
    await rig.happen(podNames(20));
    await rig.clock.pass(20 * MINUTE);
    // 1, 2, 4 ... 30 s, less up to half of it: one probe at a time, not one for each pod.
    expect(rig.server.take().length).toBeLessThanOrEqual(60);
    expect(new Set(rig.told)).toEqual(new Set([`trouble ${kind}`]));
    rig.server.fateOf = () => "answer";
    await rig.clock.pass(MINUTE);
    expect(rig.server.counts).toEqual(podNames(20).map((pod) => `${pod}:1`));
    expect([...rig.server.made.values()]).toEqual(Array(20).fill(1));
    expect(rig.server.take().length).toBe(20);
    expect(rig.told.filter((line) => line.startsWith("recovered"))).toHaveLength(1);
    expect(new Set(rig.states)).toEqual(new Set(["sent"]));
    expect(rig.clock.pending).toBe(0);
  });

  test("is over for all of them when one goes through", async () => {
    using rig = new Rig();
    rig.server.fateOf = () => ({ before: "timeout" });
    await rig.happen(["web"]);
    await rig.clock.pass(10 * MINUTE);
    rig.server.fateOf = () => "answer";
    await rig.happen(["db"]);
    expect(rig.server.counts).toEqual(["db:1", "web:1"]);
  });

  test("is probed after 1, 2, 4 ... 30 s, whatever happens meanwhile", async () => {
    using rig = new Rig();
    rig.server.fateOf = () => ({ before: "unreachable" });
    for (let second = 0; second < 300; second++) {
      rig.add([`pod-${second}`]);
      await rig.clock.pass(1000);
    }
    const start = rig.server.requests[0]!.atMs;
    const seconds = rig.server.requests.map(({ atMs }) => Math.round((atMs - start) / 1000));
    expect(seconds).toEqual([0, 1, 3, 7, 15, 31, 61, 91, 121, 151, 181, 211, 241, 271]);
  });

  test("that begins while four requests are under way is one failure, not four", async () => {
    using rig = new Rig();
    await rig.happen(["first"]);
    rig.server.fateOf = () => ({ before: "unreachable" });
    await rig.happen(podNames(8));
    expect(rig.server.take()).toHaveLength(1 + 4);
    await rig.clock.pass(999);
    expect(rig.server.take()).toEqual([]);
    await rig.clock.pass(1);
    expect(rig.server.take()).toHaveLength(1);
  });

  test("in which a pod restarts a hundred times: one POST with all of it", async () => {
    using rig = new Rig();
    rig.server.fateOf = () => ({ before: "unreachable" });
    for (let i = 0; i < 100; i++) {
      await rig.happen(["web"]);
      await rig.clock.pass(30_000);
    }
    rig.server.take();
    rig.server.fateOf = () => "answer";
    await rig.clock.pass(MINUTE);
    expect(rig.server.take()).toEqual(["POST web:100"]);
    expect(rig.states).toEqual(Array(100).fill("sent"));
  });

  test("with restarts of the guard: as one without", async () => {
    using rig = new Rig();
    rig.server.fateOf = () => ({ before: "unreachable" });
    for (const pod of podNames(20)) {
      await rig.happen([pod]);
      rig.crash();
    }
    rig.server.fateOf = () => "answer";
    await rig.clock.pass(MINUTE);
    expect(rig.server.counts).toEqual(podNames(20).map((pod) => `${pod}:1`));
  });

  test("of a server that asks for patience lasts at least so long", async () => {
    using rig = new Rig();
    rig.server.fateOf = fates({ before: "throttled" });
    rig.server.retryAfterMs = 90_000;
    await rig.happen(["web"]);
    await rig.clock.pass(89_000);
    expect(rig.server.take()).toHaveLength(1);
    await rig.clock.pass(1_000);
    expect(rig.server.counts).toEqual(["web:1"]);
    expect(rig.told).toEqual(["trouble throttled", "recovered 0 after 90000"]);
  });

  test("grows the series while its first answer is on the way", async () => {
    using rig = new Rig();
    const answer = Promise.withResolvers<void>();
    rig.server.latency = () => answer.promise;
    await rig.happen(["web"]);
    await rig.happen(["web", "web"]);
    expect(rig.server.take()).toEqual(["POST web:1"]);
    rig.server.latency = () => Promise.resolve();
    answer.resolve();
    await settled();
    expect(rig.server.take()).toEqual(["PATCH web:3"]);
    expect(rig.states).toEqual(["sent", "sent", "sent"]);
  });
});

describe("one that the server cannot stand", () => {
  const poison = (kind: ApiErrorKind) => (request: { pod: string }) =>
    request.pod === "poison" ? ({ before: kind } as const) : "answer";

  test.each(["server", "timeout", "garbage", "forbidden", "conflict"] as ApiErrorKind[])(
    "(%s) holds up nobody but itself, and is tried for ever, at last every five minutes",
    async (kind) => {
      using rig = new Rig();
      await rig.happen(["poison"]);
      rig.server.fateOf = poison(kind);
      await rig.happen(["poison"]);
      rig.server.take();
      for (let i = 0; i < 60; i++) {
        const before = rig.server.events.size;
        await rig.happen([`pod-${i}`]);
        await rig.clock.pass(MINUTE);
        expect(rig.server.events.size).toBe(before + 1);
      }
      const tries = rig.server.requests.filter(({ pod }) => pod === "poison").map(({ atMs }) => atMs);
      expect(tries.length).toBeLessThan(25);
      expect(tries.at(-1)! - tries.at(-2)!).toBe(5 * MINUTE);
      rig.server.fateOf = () => "answer";
      await rig.clock.pass(5 * MINUTE);
      expect(rig.server.counts).toContain("poison:2");
    },
  );

  test.each(["server", "timeout", "garbage", "forbidden"] as ApiErrorKind[])(
    "(%s) fails, and the next pod goes at once",
    async (kind) => {
      using rig = new Rig();
      rig.server.fateOf = poison(kind);
      await rig.happen(["poison"]);
      await rig.happen(["web"]);
      expect(rig.server.counts).toEqual(["web:1"]);
    },
  );

  test("and another one do not pass for an outage", async () => {
    using rig = new Rig();
    rig.server.fateOf = ({ pod }) => (pod.startsWith("poison") ? { before: "server" } : "answer");
    await rig.happen(["poison-1", "poison-2", "poison-3"]);
    await rig.clock.pass(10 * MINUTE);
    // Alone they look like an outage; the first that goes through tells the difference.
    await rig.happen(["web"]);
    await rig.clock.pass(MINUTE);
    expect(rig.server.counts).toEqual(["web:1"]);
    await rig.clock.pass(10 * MINUTE);
    await rig.happen(["db"]);
    expect(rig.server.counts).toEqual(["db:1", "web:1"]);
  });

  test("that hangs takes one place of four", async () => {
    using rig = new Rig();
    await rig.happen(["first"]);
    rig.server.fateOf = ({ pod }) => (pod === "poison" ? "hang" : "answer");
    await rig.happen(["poison", ...podNames(12)]);
    expect(rig.server.counts).toHaveLength(13);
  });

  test("alone with a server that errs is tried at least every minute: it may be the server", async () => {
    using rig = new Rig();
    rig.server.fateOf = () => ({ before: "server" });
    await rig.happen(["web"]);
    await rig.clock.pass(30 * MINUTE);
    rig.server.fateOf = () => "answer";
    await rig.clock.pass(MINUTE);
    expect(rig.server.counts).toEqual(["web:1"]);
    expect(rig.told.at(-1)).toMatch(/^recovered 0 after/);
  });

  test("and is refused for ever is given up at once, with the reason", async () => {
    using rig = new Rig();
    rig.server.fateOf = poison("rejected");
    await rig.happen(["poison", "web"]);
    expect(rig.server.take()).toEqual(["POST poison:1", "POST web:1"]);
    const reason = "refused by the API server: told to be rejected";
    expect(rig.states).toEqual([reason, "sent"]);
    expect(rig.told).toEqual([`gave up 1 of poison: ${reason}`]);
    await rig.clock.pass(HOUR);
    expect(rig.server.take()).toEqual([]);
  });

  test.each(["gone", "not-found"] as ApiErrorKind[])("(%s): its namespace is gone", async (kind) => {
    using rig = new Rig();
    rig.server.fateOf = poison(kind);
    await rig.happen(["poison", "web"]);
    expect(rig.states).toEqual(["namespace is gone", "sent"]);
    expect(rig.told).toEqual(["gave up 1 of poison: namespace is gone"]);
  });
});

describe("the order", () => {
  test("within a pod is kept, one request at a time; other pods go on", async () => {
    using rig = new Rig();
    await rig.happen(["first"]);
    const answer = Promise.withResolvers<void>();
    rig.server.latency = () => answer.promise;
    rig.add(["web"], { kind: "kill" });
    rig.add(["web"], { kind: "stuck" });
    rig.add(["web"], { kind: "kernel-oom" });
    await rig.happen(podNames(6));
    expect(rig.server.mostAtOnce).toBe(4);
    answer.resolve();
    await rig.clock.pass(0);
    expect(rig.server.overlapped).toBe(false);
    const ofWeb = rig.server.requests.filter(({ pod }) => pod === "web").map(({ name }) => name);
    expect(ofWeb).toEqual(ofWeb.toSorted());
    expect(ofWeb).toHaveLength(3);
    expect(rig.server.events.size).toBe(1 + 3 + 6);
  });

  test("holds back a second Event of a pod whose first is under way, though there is room", async () => {
    using rig = new Rig();
    await rig.happen(["first"]);
    rig.server.take();
    const answer = Promise.withResolvers<void>();
    rig.server.latency = () => answer.promise;
    await rig.happen(["web"], { kind: "kill" });
    await rig.happen(["web"], { kind: "stuck" });
    await rig.happen(["web"], { kind: "kill" });
    expect(rig.server.take()).toEqual(["POST web:1"]);
    answer.resolve();
    await settled();
    expect([rig.server.counts, rig.server.overlapped]).toEqual([["first:1", "web:1", "web:2"], false]);
  });

  test("within a pod is kept when the first of it fails", async () => {
    using rig = new Rig();
    await rig.happen(["first"]);
    rig.server.take();
    const failing = { on: true };
    rig.server.fateOf = ({ message }) =>
      failing.on && message.startsWith("killed") ? { before: "server" } : "answer";
    rig.add(["web"], { kind: "kill" });
    await rig.happen(["web"], { kind: "stuck" });
    expect(rig.server.take()).toEqual(["POST web:1"]);
    failing.on = false;
    await rig.clock.pass(MINUTE);
    expect(rig.server.requests.map(({ message }) => message.slice(0, 6))).toEqual(["killed", "still "]);
  });
});

describe("how much is sent", () => {
  test("of a pod: 5 at once, then one a minute; what waits folds, and nothing is lost", async () => {
    using rig = new Rig();
    for (let i = 0; i < 40; i++) {
      await rig.happen(["web"]);
      await rig.clock.pass(10);
    }
    expect(rig.server.take()).toHaveLength(5);
    expect(rig.server.counts).toEqual(["web:5"]);
    await rig.clock.pass(MINUTE);
    expect(rig.server.take()).toEqual(["PATCH web:40"]);
    expect(rig.clock.pending).toBe(0);
    expect(rig.states).toEqual(Array(40).fill("sent"));
  });

  test("of the node: 30 at once, then one each ten seconds", async () => {
    using rig = new Rig();
    await rig.happen(podNames(40));
    await rig.clock.pass(0);
    expect(rig.server.take()).toHaveLength(30);
    await rig.clock.pass(10_000);
    expect(rig.server.take()).toHaveLength(1);
    await rig.clock.pass(90_000);
    expect(rig.server.counts).toHaveLength(40);
  });

  test("is not used up by requests that nobody answered", async () => {
    using rig = new Rig();
    rig.server.fateOf = () => ({ before: "unreachable" });
    await rig.happen(["web"]);
    await rig.clock.pass(2 * HOUR);
    expect(rig.server.take().length).toBeGreaterThan(100);
    rig.server.fateOf = () => "answer";
    await rig.clock.pass(MINUTE);
    for (let i = 0; i < 4; i++) await rig.happen(["web"]);
    expect(rig.server.take().length).toBe(5);
  });

  test("is bounded: of more than the outbox holds the oldest are given up, and that is said", async () => {
    using rig = new Rig({ maxWaiting: 5 });
    rig.server.fateOf = () => ({ before: "unreachable" });
    await rig.happen(podNames(8));
    expect(rig.told).toContain("gave up 3 of any: outbox full");
    rig.server.fateOf = () => "answer";
    await rig.clock.pass(MINUTE);
    expect(rig.server.counts).toEqual(
      podNames(8)
        .slice(3)
        .map((pod) => `${pod}:1`),
    );
    expect(rig.states).toEqual([...Array(3).fill("outbox full"), ...Array(5).fill("sent")]);
  });
});

describe("the pod of an incident that does not know it", () => {
  const web = { namespace: "default", pod: "web", podUid: "uid-of-web", container: "app" };

  test("is asked for by what is known, and written down", async () => {
    using rig = new Rig();
    rig.resolve = () => web;
    await rig.happen(["web"], unnamed);
    expect(rig.asked).toEqual([{ containerId: "container-of-web", podUid: null }]);
    expect(rig.server.counts).toEqual(["web:1"]);
    expect(rig.incidents).toMatchObject([{ ...web, event: { state: "sent" } }]);
  });

  test("is asked for once, however many incidents it has", async () => {
    using rig = new Rig();
    rig.resolve = () => web;
    await rig.happen(["web", "web", "web"], unnamed);
    expect(rig.asked).toHaveLength(1);
    expect(rig.server.counts).toEqual(["web:3"]);
  });

  test("is not there: no Event, and why", async () => {
    using rig = new Rig();
    await rig.happen(["web"], { ...unnamed, timeMs: rig.clock.wall - MINUTE });
    expect(rig.states).toEqual(["no pod of this node has this container"]);
    expect([rig.server.take(), rig.told, rig.clock.pending]).toEqual([[], [], 0]);
  });

  test("cannot be asked for now: it waits, one question per pause, and nobody else does", async () => {
    using rig = new Rig();
    rig.resolve = () => "unreachable";
    rig.add(["web"], unnamed);
    rig.add(["gone"], unnamed);
    await rig.happen(["named"]);
    expect(rig.server.counts).toEqual(["named:1"]);
    await rig.clock.pass(10 * MINUTE);
    expect(rig.asked.length).toBeLessThanOrEqual(26);
    expect(rig.states).toEqual(["pending", "pending", "sent"]);
    rig.resolve = ({ containerId }) => (containerId === "container-of-web" ? web : null);
    await rig.clock.pass(MINUTE);
    // What kubelet could not tell while there was no server it may tell now.
    expect(rig.states).toEqual(["sent", "pending", "sent"]);
    await rig.clock.pass(MINUTE);
    expect(rig.states).toEqual(["sent", "no pod of this node has this container", "sent"]);
    expect(rig.told.at(0)).toBe("trouble unreachable");
    expect(rig.told.at(-1)).toMatch(/^recovered 2 after/);
  });

  test("is asked for again after ten minutes, whatever patience was asked for", async () => {
    using rig = new Rig();
    rig.resolve = () => "throttled";
    rig.resolveAfterMs = 60 * MINUTE;
    await rig.happen(["web"], unnamed);
    rig.resolve = () => web;
    await rig.clock.pass(9 * MINUTE);
    expect(rig.states).toEqual(["pending"]);
    await rig.clock.pass(2 * MINUTE);
    expect(rig.states).toEqual(["sent"]);
  });

  test("throws instead of answering: as if it could not be asked for", async () => {
    using rig = new Rig();
    rig.resolve = () => {
      throw new Error("a bug");
    };
    await rig.happen(["web"], unnamed);
    expect(rig.told).toEqual(["trouble garbage"]);
    rig.resolve = () => web;
    await rig.clock.pass(MINUTE);
    expect(rig.server.counts).toEqual(["web:1"]);
  });

  test("is found after the process died", async () => {
    using rig = new Rig();
    rig.resolve = () => "timeout";
    await rig.happen(["web"], unnamed);
    rig.crash();
    rig.resolve = () => web;
    await settled();
    expect(rig.server.counts).toEqual(["web:1"]);
  });
});

describe("the store", () => {
  test("that is not there: nothing to do, until it is", async () => {
    using rig = new Rig();
    rig.hasStore = false;
    await rig.happen(["web"]);
    expect([rig.server.take(), rig.clock.pending, rig.courier.pending]).toEqual([[], 0, null]);
    rig.hasStore = true;
    rig.courier.wake();
    await settled();
    expect(rig.server.counts).toEqual(["web:1"]);
  });

  test("that cannot be written: it is tried with patience, and the Event stays one", async () => {
    using rig = new Rig();
    const other = new Database(join(rig.path, "incidents.db"));
    rig.add(["web"]);
    other.run("BEGIN IMMEDIATE");
    await settled();
    await rig.clock.pass(MINUTE);
    expect(new Set(rig.told)).toEqual(new Set(["store locked"]));
    expect(rig.told.length).toBeLessThan(10);
    other.run("COMMIT");
    await rig.clock.pass(MINUTE);
    expect(rig.server.counts).toEqual(["web:1"]);
    expect(rig.states).toEqual(["sent"]);
    expect(rig.told.filter((line) => line !== "store locked")).toEqual(["store works"]);
    other.close();
  });

  test("that fails when the answer is noted: the same is sent again, with patience", async () => {
    using rig = new Rig();
    const other = new Database(join(rig.path, "incidents.db"));
    rig.server.latency = async () => void (other.inTransaction || other.run("BEGIN IMMEDIATE"));
    await rig.happen(["web"]);
    await rig.clock.pass(MINUTE);
    expect(rig.server.take().length).toBeLessThan(20);
    rig.server.latency = () => Promise.resolve();
    other.run("COMMIT");
    await rig.clock.pass(2 * MINUTE);
    expect([rig.server.counts, [...rig.server.made.values()], rig.states]).toEqual([
      ["web:1"],
      [1],
      ["sent"],
    ]);
    other.close();
  });

  test("that is opened anew while a request is under way: sent again, counted once", async () => {
    using rig = new Rig();
    const answer = Promise.withResolvers<void>();
    rig.server.latency = () => answer.promise;
    await rig.happen(["web"]);
    rig.reopen();
    rig.courier.wake();
    rig.server.latency = () => Promise.resolve();
    answer.resolve();
    await rig.clock.pass(MINUTE);
    expect([rig.server.counts, rig.states, rig.told]).toEqual([["web:1"], ["sent"], []]);
  });

  test("that begins afresh has other series under the same numbers: they do not wait for the old ones", async () => {
    using rig = new Rig();
    rig.server.fateOf = ({ pod }) => (pod === "poison" ? { before: "server" } : "answer");
    await rig.happen(["first", "poison"]);
    await rig.clock.pass(10);
    await rig.happen(["third"]);
    await rig.clock.pass(11 * MINUTE);
    rig.reopen(true);
    await rig.happen(["fourth", "web"]);
    expect(rig.server.counts).toEqual(["first:1", "fourth:1", "third:1", "web:1"]);
  });
});

describe("the courier", () => {
  test("has no timer while nothing waits", async () => {
    using rig = new Rig();
    rig.courier.wake();
    await settled();
    expect(rig.clock.pending).toBe(0);
    await rig.happen(["web"]);
    expect(rig.clock.pending).toBe(0);
  });

  test("tells how much waits", async () => {
    using rig = new Rig();
    rig.server.fateOf = () => ({ before: "unreachable" });
    await rig.happen(["web", "web", "db"]);
    expect(rig.courier.pending).toEqual({ incidents: 3, unassigned: 0, series: 2 });
  });

  test("stops at once, ends what is under way, and leaves the rest to the next", async () => {
    using rig = new Rig();
    rig.server.fateOf = () => "hang";
    await rig.happen(["web"]);
    await rig.courier.stop();
    rig.courier.wake();
    await rig.clock.pass(HOUR);
    expect(rig.server.take()).toHaveLength(1);
    expect(rig.states).toEqual(["pending"]);
    expect(rig.told).toEqual([]);
    expect(rig.clock.pending).toBe(0);
  });

  test("stops though a request does not heed it", async () => {
    using rig = new Rig();
    rig.server.latency = () => new Promise(() => undefined);
    await rig.happen(["web"]);
    const stopped = rig.courier.stop();
    await rig.clock.pass(200);
    await stopped;
  });

  test("notes an answer that comes while it stops", async () => {
    using rig = new Rig();
    const answer = Promise.withResolvers<void>();
    rig.server.latency = () => answer.promise;
    await rig.happen(["web"]);
    const stopped = rig.courier.stop();
    answer.resolve();
    await stopped;
    expect(rig.states).toEqual(["sent"]);
  });

  test("tries another server at once, whatever the last one asked for", async () => {
    using rig = new Rig();
    rig.server.fateOf = () => ({ before: "unreachable" });
    rig.resolve = () => "unreachable";
    await rig.happen(["web"]);
    await rig.happen(["db"], unnamed);
    await rig.clock.pass(10 * MINUTE);
    rig.server.fateOf = () => "answer";
    rig.resolve = () => ({ namespace: "default", pod: "db", podUid: "uid-of-db", container: "app" });
    rig.courier.accessChanged();
    await settled();
    expect(rig.states).toEqual(["sent", "sent"]);
    expect(rig.clock.pending).toBe(0);
  });

  test("takes a thousand incidents in steps", async () => {
    using rig = new Rig();
    rig.server.fateOf = () => ({ before: "unreachable" });
    await rig.happen(Array.from({ length: 950 }, (_, i) => `pod-${i}`));
    await rig.clock.pass(MINUTE);
    expect(rig.courier.pending).toEqual({ incidents: 950, unassigned: 0, series: 950 });
  });

  test("does not mind a wall clock that jumps", async () => {
    using rig = new Rig();
    rig.server.fateOf = () => ({ before: "unreachable" });
    await rig.happen(["web"]);
    rig.clock.wallOffset -= 10 * 24 * HOUR;
    await rig.happen(["db"]);
    rig.clock.wallOffset += 20 * 24 * HOUR;
    await rig.happen(["dns"]);
    rig.server.fateOf = () => "answer";
    await rig.clock.pass(MINUTE);
    expect(rig.server.counts).toEqual(["db:1", "dns:1", "web:1"]);
  });
});
