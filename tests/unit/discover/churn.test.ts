import { expect, test } from "bun:test";
import { ContainerNames } from "../../../src/discover/container-names.ts";
import { identifyCgroup } from "../../../src/discover/identify.ts";
import { NodePods } from "../../../src/discover/node-pods.ts";
import { PodLookup } from "../../../src/discover/pod-lookup.ts";
import type { NodePod } from "../../../src/kubernetes/node-pod.ts";
import { EventRate } from "../../../src/report/events/event-rate.ts";
import { ServerHealth } from "../../../src/report/events/server-health.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { container, pod } from "./pods.ts";

// Everything that remembers something by pod or container, while 100,000 of them come and go under few names.

const TOTAL = 100_000;
const AT_ONCE = 100;
const ROUNDS = TOTAL / AT_ONCE;
/** Rounds after which everything has been grown to its size. */
const WARM = ROUNDS / 5;
/** What is kept of 80,000 pods, if it is kept, is 8 MB for 100 bytes each. */
const MAX_GROWTH = 2 * 2 ** 20;

const idOf = (serial: number) => serial.toString(16).padStart(64, "0");
const uidOf = (serial: number) => `00000000-0000-4000-8000-${serial.toString(16).padStart(12, "0")}`;
const nameOf = (serial: number) => `app-${serial % 7}`;

function podOf(serial: number): NodePod {
  const uid = uidOf(serial);
  return { ...pod(nameOf(serial), [container("app", [idOf(serial)])]), uid, nodeUid: uid };
}

function heapBytes(): number {
  Bun.gc(true);
  return process.memoryUsage().heapUsed;
}

/** Runs all rounds. @returns by how much the heap has grown since it was warm */
async function growthOver(round: (serials: readonly number[]) => void | Promise<void>): Promise<number> {
  let warmBytes = 0;
  for (let index = 0; index < ROUNDS; index++) {
    if (index === WARM) warmBytes = heapBytes();
    await round(Array.from({ length: AT_ONCE }, (_, offset) => index * AT_ONCE + offset));
  }
  return heapBytes() - warmBytes;
}

test("NodePods and PodLookup keep what is there, and of the past three lists", async () => {
  const clock = new FakeClock();
  const pods = new NodePods();
  const names = new ContainerNames();
  let listed: NodePod[] = [];
  let lists = 0;
  const lookup = new PodLookup({
    listPods: async () => {
      lists++;
      return { ok: true, value: listed };
    },
    pods,
    clock,
    random: () => 0,
  });
  const growth = await growthOver(async (serials) => {
    listed = serials.map(podOf);
    // In pods, and containers that are nobody's the API server knows: those are looked for and given up.
    const cgroups = serials.map((serial) => `/kubepods/pod${uidOf(serial)}/${idOf(serial)}`);
    const strange = serials.map((serial) => `/docker/${idOf(serial + TOTAL)}`);
    for (const path of [...cgroups, ...strange]) lookup.identified(path, identifyCgroup(path, names, pods));
    await clock.pass(60_000);
    for (const [index, path] of cgroups.entries()) {
      const identity = identifyCgroup(path, names, pods);
      const serial = serials[index]!;
      expect([identity.pod, identity.podUid, identity.container]).toEqual([
        nameOf(serial),
        uidOf(serial),
        "app",
      ]);
      lookup.identified(path, identity);
    }
    expect(pods.size).toBeLessThanOrEqual(3 * AT_ONCE);
    for (const path of [...cgroups, ...strange]) lookup.identified(path, null);
    expect(clock.pending).toBe(0);
  });
  expect(growth).toBeLessThan(MAX_GROWTH);
  expect(lists).toBeLessThanOrEqual(5 * ROUNDS);
}, 60_000);

test("ContainerNames forgets what the runtime has removed, and what is missing in its list", async () => {
  const names = new ContainerNames();
  const name = (serial: number) => ({
    ...{ containerId: idOf(serial), runtimeNamespace: "k8s.io", initPid: 1 + (serial % 30_000) },
    cgroup: `/kubepods/pod${uidOf(serial)}/${idOf(serial)}`,
    ...{ namespace: "shop", pod: nameOf(serial), podUid: uidOf(serial), container: "app", sandbox: false },
  });
  const growth = await growthOver((serials) => {
    for (const serial of serials) names.upsert("/sock", name(serial));
    for (const serial of serials) expect(names.byCgroup(name(serial).cgroup)?.podUid).toBe(uidOf(serial));
    // Half of them are told to be gone, the others while nobody listened.
    for (const serial of serials.slice(0, AT_ONCE / 2)) names.remove("/sock", "k8s.io", idOf(serial));
    names.replaceAll("/sock", "k8s.io", serials.slice(-1).map(name));
    expect(names.size).toBe(1);
  });
  expect(growth).toBeLessThan(MAX_GROWTH);
}, 60_000);

test("EventRate and ServerHealth forget pods and series that have nothing to tell any more", async () => {
  const rate = new EventRate();
  const health = new ServerHealth(() => 0);
  let nowMs = 0;
  let most = 0;
  const growth = await growthOver((serials) => {
    for (const serial of serials) {
      const key = `${uidOf(serial)} shop/${nameOf(serial)}`;
      nowMs = Math.max(nowMs + 1, rate.readyAtMs(key));
      health.keepOnly(new Set([serial]));
      health.failed(serial, { kind: "server", retryAfterMs: null } as never, nowMs, nowMs);
      rate.prune(nowMs);
      rate.take(key, nowMs);
      if (serial % 3 === 0) rate.giveBack(key);
      most = Math.max(most, rate.size);
    }
  });
  expect(growth).toBeLessThan(MAX_GROWTH);
  // One in 10 s, each kept for 5 min; and the first 50 at once.
  expect(most).toBeLessThanOrEqual(50 + 30);
}, 60_000);
