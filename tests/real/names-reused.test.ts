import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { AnswerThief } from "../support/cluster/answer-thief.ts";
import { TestApiServer } from "../support/cluster/api-server.ts";
import { PaperPod } from "../support/cluster/paper-pod.ts";
import { type Life, PodChurn } from "../support/cluster/pod-churn.ts";
import { TestGuard } from "../support/guard.ts";
import { missingApiServer } from "../support/requirements.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(240_000);

const NODE = "node-a";
const LIMIT_MIB = 60;
const LEAK_MB_PER_S = 100;
const WARM_UP_MS = 15_000;
const CHURN_MS = 40_000;
/** As rare as the lists of pods are: long enough to be in one. */
const LONG_LIFE_MS = 22_000;
/** 21 and 22 MB were measured, most of it the heap on the way to its size. */
const MAX_GROWTH = 40 * MIB;

describe.skipIf(missingApiServer() !== null)("names that only the API server tells", () => {
  const top = TestCgroup.top();
  let api: TestApiServer;
  let thief: AnswerThief;
  let guard: TestGuard;

  beforeAll(async () => {
    api = await TestApiServer.start();
    await api.createNode(NODE);
    await api.kubectl(["apply", "-f", "-"], TestGuard.print("rbac"));
    thief = await AnswerThief.start(api);
    const user = await api.serviceAccountUser("kube-system", "oomguard");
    const kubeconfig = api.kubeconfig("guard", user, { server: thief.url });
    const config = `[kubernetes]\nkubeconfig = "${kubeconfig}"\nnode_name = "${NODE}"\n`;
    guard = await TestGuard.start({ roots: [top.path], config });
  });

  afterAll(async () => {
    await guard?.stop();
    thief?.stop();
    await api?.stop();
    await top.remove();
  });

  const create = (name: string, container?: string) =>
    PaperPod.create(api, {
      root: top.path,
      node: NODE,
      name,
      limit: LIMIT_MIB,
      ...(container && { container }),
    });
  const events = async () => (await api.events()).filter(({ reason }) => reason.startsWith("OomGuard"));
  const lists = () => thief.recorded("GET", /^\/api\/v1\/pods\?/).length;

  test("pods made and deleted at 10 a second under few names: no Event of the wrong pod, and few lists", async () => {
    const churn = new PodChurn(api);
    const paper = new Map<string, PaperPod>();
    const deaths: Promise<unknown>[] = [];
    const staying = new Set<string>();
    const lifeOf = (serial: number): Life => {
      const leaks = serial % 10 === 0;
      const isLong = serial % 20 === 0;
      return {
        ms: isLong ? LONG_LIFE_MS : leaks ? 2_000 : 500 + (serial % 5) * 1000,
        make: async (name, container) => {
          const pod = await create(name, container);
          paper.set(pod.uid, pod);
          if (isLong) staying.add(pod.cgroup.path);
          if (leaks) deaths.push(pod.leak(LEAK_MB_PER_S));
          return { name, namespace: pod.namespace, uid: pod.uid };
        },
        end: async ({ metadata }) => {
          await api.deletePod(metadata);
          await paper.get(metadata.uid)?.remove();
        },
      };
    };
    const quiet = async () => {
      await Promise.all(deaths.splice(0));
      const isPending = () => guard.history().some(({ event }) => event.state === "pending");
      await until("nothing waits to be told", () => !isPending(), 120_000);
      return { fds: guard.descriptorCount, watches: guard.inotifyWatchCount, rss: guard.rssBytes };
    };
    await churn.run(WARM_UP_MS, lifeOf);
    const before = await quiet();
    const startedMs = performance.now();
    const listsBefore = lists();
    await churn.run(CHURN_MS, lifeOf);
    const after = await quiet();
    const seconds = (performance.now() - startedMs) / 1000;

    expect(churn.born.size).toBe((WARM_UP_MS + CHURN_MS) / 100);
    expect(lists() - listsBefore).toBeLessThanOrEqual(3 + Math.ceil(seconds / 10));
    expect({ ...after, rss: 0 }).toEqual({ ...before, rss: 0 });
    expect(after.rss - before.rss).toBeLessThan(MAX_GROWTH);
    expect(churn.misattributed(await events())).toEqual([]);
    const incidents = guard.history();
    const told = incidents.filter(({ event }) => event.state === "sent");
    expect((await events()).reduce((sum, { count = 0 }) => sum + count, 0)).toBe(told.length);
    for (const { cgroup, event } of told) {
      const [own] = (await events()).filter(({ metadata }) => metadata.name === event.name);
      expect(cgroup).toContain(`/pod${own?.involvedObject.uid}/`);
    }
    // Nobody but the dead knew the names of those that no list has seen.
    const untold = incidents.filter(({ event }) => event.state !== "sent");
    expect(untold.map(({ event }) => event.reason)).toEqual(
      Array(untold.length).fill("no pod of this node has this container"),
    );
    expect(untold.filter(({ cgroup }) => staying.has(cgroup))).toEqual([]);
    expect(told.length).toBeGreaterThanOrEqual(staying.size);
  });

  test("a pod deleted before its Event could be sent, its name taken by another: the Event tells of the dead one", async () => {
    const first = await create("web");
    expect(await first.leak(LEAK_MB_PER_S)).toBe(137);
    const eventOf = async ({ uid }: PaperPod) =>
      (await events()).find(({ involvedObject }) => involvedObject.uid === uid);
    await until("its first Event", async () => (await eventOf(first))?.count === 1, 60_000);
    thief.inject({ path: /\/events/, forward: false, answer: { status: 503 } });
    expect(await first.leak(LEAK_MB_PER_S)).toBe(137);
    await until("it is tried", () =>
      guard.incidents(first.cgroup.path).some(({ event }) => event.attempts > 0 && event.state === "pending"),
    );
    await api.deletePod(first);
    await first.remove();
    const second = await create("web");
    thief.relent();
    await until("the Event tells of both", async () => (await eventOf(first))?.count === 2, 60_000);
    expect((await eventOf(first))?.involvedObject).toMatchObject({ name: "web", uid: first.uid });
    expect(await eventOf(second)).toBeUndefined();
  });
});
