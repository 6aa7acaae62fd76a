import { beforeEach, describe, expect, test } from "bun:test";
import type { FoundPod } from "../../../src/discover/find-pod.ts";
import { identify } from "../../../src/discover/identify.ts";
import type { Identity } from "../../../src/discover/identity.ts";
import { NodePods } from "../../../src/discover/node-pods.ts";
import { PodLookup } from "../../../src/discover/pod-lookup.ts";
import { ApiError, type ApiErrorKind, type ApiResult } from "../../../src/kubernetes/api-error.ts";
import type { NodePod } from "../../../src/kubernetes/node-pod.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { pod } from "./pods.ts";

const S = 1000;
const MIN = 60 * S;
const UID = "11111111-2222-3333-4444-555555555555";
const ID = "0123456789abcdef";
const POD = `/kubepods/pod${UID}`;
const CONTAINER = `${POD}/${ID}`;
const PLAIN = `/docker/${ID}`;
const bare = (cgroup: string): Identity => identify(cgroup, undefined);
const named: Identity = { ...bare(CONTAINER), namespace: "shop", pod: "web", container: "app" };
const web: NodePod = { ...pod("web"), nodeUid: UID };
const found = { namespace: "shop", pod: "web", podUid: "uid-web", container: "app" };

let clock: FakeClock;
let startMs: number;
let listed: number[];
let answers: () => ApiResult<NodePod[]> | Promise<ApiResult<NodePod[]>>;
let pods: NodePods;
let told: string[];
/** Lists that had no pod where there was one. */
let empty: number;
let lookup: PodLookup;

const ok = (...value: NodePod[]): ApiResult<NodePod[]> => ({ ok: true, value });
const fails = (kind: ApiErrorKind): ApiResult<NodePod[]> => ({ ok: false, error: new ApiError(kind, kind) });
/** When lists began, in seconds after the start. */
const seconds = () => listed.map((ms) => Math.round((ms - startMs) / 100) / 10);

beforeEach(() => {
  clock = new FakeClock();
  startMs = clock.nowMs();
  listed = [];
  told = [];
  empty = 0;
  answers = () => ok();
  pods = new NodePods();
  lookup = new PodLookup({
    listPods: async () => {
      listed.push(clock.nowMs());
      return answers();
    },
    pods,
    onTrouble: ({ kind }) => told.push(kind),
    onRecovered: () => told.push("recovered"),
    onNoPods: () => empty++,
    onTruncated: (rejected) => told.push(`truncated ${rejected}`),
    clock,
    random: () => 0,
  });
});

describe("lists for", () => {
  test.each<[string, string, Partial<Identity>]>([
    ["a container in a pod", CONTAINER, {}],
    ["a pod", POD, {}],
    ["a sandbox", CONTAINER, { kind: "sandbox" }],
    ["a container that may be anybody's", PLAIN, {}],
    ["a container of which only the pod is known", CONTAINER, { namespace: "shop", pod: "web" }],
  ])("%s", async (_, cgroup, changes) => {
    lookup.identified(cgroup, { ...bare(cgroup), ...changes });
    await clock.pass(3 * S);
    expect(seconds()).toEqual([2]);
  });
});

describe("a list without any pod", () => {
  test.each<[string, string, () => ApiResult<NodePod[]>, boolean]>([
    ["is another node's where there is a pod here", CONTAINER, () => ok(), true],
    ["is right where Docker's containers need not be in pods", PLAIN, () => ok(), false],
    ["is not one that has other pods", CONTAINER, () => ok(pod("db")), false],
  ])("%s", async (_, cgroup, answer, isTold) => {
    answers = answer;
    lookup.identified(cgroup, bare(cgroup));
    await clock.pass(3 * S);
    expect(listed).toHaveLength(1);
    expect(empty > 0).toBe(isTold);
  });
});

describe("lists nothing, and sets no timer, for", () => {
  test.each<[string, string, Partial<Identity>]>([
    ["a container with names", CONTAINER, named],
    ["a pod with names", POD, { namespace: "shop", pod: "web" }],
    ["a sandbox with its pod's names", CONTAINER, { kind: "sandbox", namespace: "shop", pod: "web" }],
    ["what lies inside a container", `${CONTAINER}/init.scope`, {}],
    ["anything else", "/user.slice", {}],
  ])("%s", async (_, cgroup, changes) => {
    lookup.identified(cgroup, { ...bare(cgroup), ...changes });
    expect(clock.pending).toBe(0);
  });

  test.each<[string, Identity | null]>([
    ["one that the runtime named in the meantime", named],
    ["one that went in the meantime", null],
  ])("%s", async (_, identity) => {
    lookup.identified(CONTAINER, bare(CONTAINER));
    expect(clock.pending).toBe(1);
    lookup.identified(CONTAINER, identity);
    expect(clock.pending).toBe(0);
    await clock.pass(60 * MIN);
    expect(listed).toEqual([]);
  });

  test("short-lived ones, however many come", async () => {
    lookup.identified(`${POD}/0`, bare(CONTAINER));
    for (let i = 1; i < 600; i++) {
      await clock.pass(S);
      // The next one is there before this one is done.
      lookup.identified(`${POD}/${i}`, bare(CONTAINER));
      lookup.identified(`${POD}/${i - 1}`, i % 2 === 0 ? named : null);
    }
    expect(listed).toEqual([]);
  });
});

describe("how often", () => {
  test("what no list has is looked for ever more slowly", async () => {
    lookup.identified(CONTAINER, bare(CONTAINER));
    await clock.pass(30 * MIN);
    expect(seconds()).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 512, 812, 1112, 1412, 1712]);
  });

  test("until it is found, and then never again", async () => {
    answers = () => (listed.length === 3 ? ok(web) : ok());
    pods.onChange(() => lookup.identified(CONTAINER, named));
    lookup.identified(CONTAINER, bare(CONTAINER));
    await clock.pass(60 * MIN);
    expect(seconds()).toEqual([2, 4, 8]);
    expect(clock.pending).toBe(0);
  });

  test.each<[string, string, Partial<Identity>]>([
    ["a container outside of pods is nobody's after four lists", PLAIN, {}],
    ["a container's own name is left after four lists", CONTAINER, { namespace: "shop", pod: "web" }],
  ])("%s", async (_, cgroup, changes) => {
    const identity = { ...bare(cgroup), ...changes };
    lookup.identified(cgroup, identity);
    await clock.pass(10 * MIN);
    expect(seconds()).toEqual([2, 4, 8, 16]);
    lookup.identified(cgroup, identity);
    expect(clock.pending).toBe(0);
  });

  test("one whose cgroup was made anew is looked for anew", async () => {
    lookup.identified(PLAIN, bare(PLAIN));
    await clock.pass(10 * MIN);
    lookup.identified(PLAIN, null);
    lookup.identified(PLAIN, bare(PLAIN));
    await clock.pass(3 * S);
    expect(seconds().at(-1)).toBe(602);
  });

  test("a new one is looked for soon, while others have been waiting for long", async () => {
    lookup.identified(CONTAINER, bare(CONTAINER));
    await clock.pass(10 * MIN);
    lookup.identified(POD, bare(POD));
    await clock.pass(5 * S);
    expect(seconds().slice(-2)).toEqual([602, 604]);
  });

  test("a list that was under way when one came says nothing of it", async () => {
    const gate = Promise.withResolvers<ApiResult<NodePod[]>>();
    answers = () => gate.promise;
    lookup.identified(PLAIN, bare(PLAIN));
    await clock.pass(2 * S);
    lookup.identified(POD, bare(POD));
    await clock.pass(3 * S);
    gate.resolve(ok());
    answers = () => ok();
    await clock.pass(0.5 * S);
    expect(seconds()).toEqual([2, 5]);
  });

  test("ten new ones a second lead to one list in ten seconds", async () => {
    for (let i = 0; i < 6000; i++) {
      lookup.identified(`${POD}/${i}`, bare(CONTAINER));
      if (i >= 50) lookup.identified(`${POD}/${i - 50}`, null);
      await clock.pass(100);
    }
    expect(listed.length).toBeGreaterThanOrEqual(60);
    expect(listed.length).toBeLessThanOrEqual(63);
    for (let i = 5950; i < 6000; i++) lookup.identified(`${POD}/${i}`, null);
    expect(clock.pending).toBe(0);
  });

  test("one at a time, whoever asks", async () => {
    let running = 0;
    let most = 0;
    answers = async () => {
      most = Math.max(most, ++running);
      const gate = Promise.withResolvers<void>();
      clock.after(3 * S, gate.resolve);
      await gate.promise;
      running--;
      return ok();
    };
    for (let i = 0; i < 50; i++) {
      lookup.identified(`${POD}/${i}`, bare(CONTAINER));
      void lookup.find({ containerId: `c${i}`, podUid: null });
      await clock.pass(S);
    }
    expect(most).toBe(1);
    expect(listed.length).toBeGreaterThan(3);
  });
});

describe("while the API server fails", () => {
  test("new ones do not make it be asked sooner", async () => {
    answers = () => fails("unreachable");
    for (let i = 0; i < 600; i++) {
      lookup.identified(`${POD}/${i}`, bare(CONTAINER));
      await clock.pass(S);
    }
    expect(seconds()).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 512]);
  });

  test("a failure says nothing of what is looked for", async () => {
    answers = () => (listed.length <= 4 ? fails("timeout") : ok());
    lookup.identified(PLAIN, bare(PLAIN));
    await clock.pass(30 * MIN);
    // Four failures, then four lists until it is given up, the last ones at the floor.
    expect(seconds()).toEqual([2, 4, 8, 16, 32, 34, 42, 52]);
  });

  test("each cause is told once, and the recovery", async () => {
    const kinds: (ApiErrorKind | null)[] = [
      "unreachable",
      "unreachable",
      "forbidden",
      "unreachable",
      null,
      null,
      "tls",
    ];
    answers = () => {
      const kind = kinds[listed.length - 1] ?? null;
      return kind === null ? ok() : fails(kind);
    };
    lookup.identified(CONTAINER, bare(CONTAINER));
    await clock.pass(30 * MIN);
    expect(told).toEqual(["unreachable", "forbidden", "unreachable", "recovered", "tls", "recovered"]);
  });

  test("a host without an API server is silent, and hardly asks", async () => {
    answers = () => fails("unconfigured");
    for (let i = 0; i < 60; i++) {
      lookup.identified(`/docker/${i}`, bare(PLAIN));
      await clock.pass(MIN);
    }
    expect(listed.length).toBeLessThanOrEqual(20);
    expect(told).toEqual([]);
  });
});

describe("when the way to the API server changes", () => {
  test("it is asked at once, whatever the last one refused", async () => {
    answers = () => fails("unauthorized");
    lookup.identified(CONTAINER, bare(CONTAINER));
    await clock.pass(20 * MIN);
    answers = () => ok(web);
    const before = listed.length;
    lookup.accessChanged();
    await clock.pass(100);
    expect(listed.length).toBe(before + 1);
    expect(await lookup.find({ containerId: null, podUid: UID })).toMatchObject({ ok: true });
  });

  test("what the last one did not know is looked for anew, at the floor", async () => {
    lookup.identified(CONTAINER, bare(CONTAINER));
    lookup.identified(PLAIN, bare(PLAIN));
    await clock.pass(20 * MIN);
    const before = listed.length;
    for (let i = 0; i < 20; i++) lookup.accessChanged();
    lookup.identified(PLAIN, bare(PLAIN));
    await clock.pass(10 * S);
    expect(listed.length - before).toBeLessThanOrEqual(4);
    lookup.identified(CONTAINER, named);
    expect(clock.pending).toBe(1);
  });

  test("the same cause is told again", async () => {
    answers = () => fails("unauthorized");
    lookup.identified(CONTAINER, bare(CONTAINER));
    await clock.pass(MIN);
    lookup.accessChanged();
    await clock.pass(MIN);
    expect(told).toEqual(["unauthorized", "unauthorized"]);
  });

  test("nothing is asked where nothing is missing, or after a stop", async () => {
    lookup.accessChanged();
    expect(clock.pending).toBe(0);
    lookup.stop();
    lookup.accessChanged();
    expect(clock.pending).toBe(0);
  });
});

describe("find", () => {
  const key = { containerId: "web-app", podUid: "uid-web" };

  test("answers from what is known, without a list", async () => {
    pods.replaceAll([pod("web")]);
    expect(await lookup.find(key)).toEqual({ ok: true, value: found });
    const { container: _, ...names } = found;
    expect(await lookup.find({ containerId: null, podUid: "uid-web" })).toEqual({
      ok: true,
      value: { ...names, container: null },
    });
    expect(clock.pending).toBe(0);
  });

  test("has nothing to look for by nothing", async () => {
    expect(await lookup.find({ containerId: null, podUid: null })).toEqual({ ok: true, value: null });
    expect(clock.pending).toBe(0);
  });

  /** The answer, once time has passed. */
  async function answer(promise: Promise<ApiResult<FoundPod | null>>, ms = 0): Promise<unknown> {
    let result: unknown = "none yet";
    void promise.then((value) => {
      result = value;
    });
    await clock.pass(ms);
    return result;
  }

  test("lists at once for a pod that is not known, and keeps nothing running", async () => {
    answers = () => ok(pod("web"));
    expect(await answer(lookup.find(key))).toEqual({ ok: true, value: found });
    expect(seconds()).toEqual([0]);
    expect(clock.pending).toBe(0);
  });

  test.each<[string, () => ApiResult<NodePod[]>, object]>([
    ["null when the list does not have it", () => ok(pod("other")), { ok: true, value: null }],
    [
      "the pod when the list does not have the container",
      () => ok(pod("web", [])),
      { ok: true, value: { ...found, container: null } },
    ],
    ["the error when there is no list", () => fails("forbidden"), fails("forbidden")],
  ])("answers %s", async (_, list, expected) => {
    answers = list;
    expect(await answer(lookup.find(key))).toEqual(expected);
  });

  test("shares one list among all who ask, and the next among those who asked during it", async () => {
    const gates = [1, 2].map(() => Promise.withResolvers<ApiResult<NodePod[]>>());
    answers = () => gates[listed.length - 1]!.promise;
    const before = [lookup.find(key), lookup.find({ ...key, containerId: "x" })];
    await clock.pass(0);
    const during = [lookup.find(key), lookup.find({ containerId: "late-app", podUid: null })];
    gates[0]!.resolve(ok());
    expect(await answer(before[0]!)).toEqual({ ok: true, value: null });
    expect(await answer(before[1]!)).toEqual({ ok: true, value: null });
    expect(await answer(during[0]!)).toBe("none yet");
    gates[1]!.resolve(ok(pod("web"), pod("late")));
    expect(await answer(during[0]!)).toEqual({ ok: true, value: found });
    expect(await answer(during[1]!)).toMatchObject({ ok: true, value: { pod: "late" } });
    expect(listed.length).toBe(2);
  });

  test("takes a yes from a list that began before", async () => {
    const gate = Promise.withResolvers<ApiResult<NodePod[]>>();
    answers = () => gate.promise;
    void lookup.find({ containerId: "x", podUid: null });
    await clock.pass(0);
    const during = lookup.find(key);
    gate.resolve(ok(pod("web")));
    expect(await answer(during)).toEqual({ ok: true, value: found });
    expect(listed.length).toBe(1);
  });

  test("does not ask an API server that just failed, and asks again after its pause", async () => {
    answers = () => fails("server");
    await answer(lookup.find(key));
    expect(await answer(lookup.find(key), S)).toEqual(fails("server"));
    // To know the pod is no answer: the list may have its container.
    pods.replaceAll([pod("web", [])]);
    expect(await answer(lookup.find(key))).toEqual(fails("server"));
    expect(listed.length).toBe(1);
    await clock.pass(2 * S);
    await answer(lookup.find(key));
    expect(listed.length).toBe(2);
  });

  test("does not repeat what was wrong before the server answered others", async () => {
    answers = () => fails("unauthorized");
    expect(await answer(lookup.find({ containerId: null, podUid: "uid-web" }))).toMatchObject({ ok: false });
    answers = () => ok(pod("web"));
    lookup.serverWorks();
    expect(await answer(lookup.find({ containerId: null, podUid: "uid-web" }))).toMatchObject({ ok: true });
    expect(seconds()).toEqual([0, 0]);
    expect(told).toEqual(["unauthorized"]);
  });

  test("asks once more when a list fails that began before the server answered others", async () => {
    const late = Promise.withResolvers<ApiResult<NodePod[]>>();
    answers = () => late.promise;
    const asked = lookup.find({ containerId: null, podUid: "uid-web" });
    await clock.pass(0);
    lookup.serverWorks();
    answers = () => ok(pod("web"));
    late.resolve(fails("timeout"));
    expect(await answer(asked)).toMatchObject({ ok: true, value: { pod: "web" } });
    expect([told, listed.length]).toEqual([[], 2]);
  });

  test("tells anew what is still wrong after the server answered others", async () => {
    answers = () => fails("server");
    await answer(lookup.find({ containerId: null, podUid: "uid-web" }));
    lookup.serverWorks();
    await answer(lookup.find({ containerId: null, podUid: "uid-web" }));
    expect(told).toEqual(["server", "server"]);
  });

  test("waits for the floor rather than list a hundred times", async () => {
    const finds: Promise<unknown>[] = [];
    for (let i = 0; i < 300; i++) {
      finds.push(lookup.find({ containerId: `c${i}`, podUid: null }));
      await clock.pass(100);
    }
    await clock.pass(10 * S);
    expect((await Promise.all(finds)).length).toBe(300);
    expect(listed.length).toBeLessThanOrEqual(7);
  });

  test("is answered by a stop, and after it, without a list", async () => {
    const gate = Promise.withResolvers<ApiResult<NodePod[]>>();
    answers = () => gate.promise;
    const served = lookup.find(key);
    await clock.pass(0);
    const waiting = lookup.find(key);
    lookup.stop();
    for (const each of [served, waiting, lookup.find(key)])
      expect(await answer(each)).toMatchObject({ ok: false, error: { kind: "unreachable" } });
    gate.resolve(ok(pod("web")));
    await clock.pass(MIN);
    expect([listed.length, pods.size, clock.pending]).toEqual([1, 0, 0]);
  });
});

test("a stop leaves nothing running, whatever is still told", async () => {
  lookup.identified(CONTAINER, bare(CONTAINER));
  lookup.stop();
  lookup.identified(POD, bare(POD));
  expect(clock.pending).toBe(0);
});

test("pods that do not fit are told of", async () => {
  answers = () => ok(...Array.from({ length: 10_001 }, (_, i) => pod(`p${i}`)));
  await Promise.all([lookup.find({ containerId: "x", podUid: null }), clock.pass(0)]);
  expect(told).toEqual(["truncated 1"]);
});
