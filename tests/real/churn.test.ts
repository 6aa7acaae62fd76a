import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { MIB } from "../support/cgroup.ts";
import { TestApiServer } from "../support/cluster/api-server.ts";
import { IMAGE } from "../support/cluster/image.ts";
import { TestNode } from "../support/cluster/node.ts";
import { type Life, PodChurn } from "../support/cluster/pod-churn.ts";
import { TestGuard } from "../support/guard.ts";
import { hierarchy } from "../support/hierarchy.ts";
import { missingNode } from "../support/requirements.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(300_000);

const NODE = "node-churn";
/**
 * What the minute may add. The heap grows to its size and stays: 25 to 35 MB in the first minute, then 13, 5 and 4 MB in
 * each further one. What is kept for each pod is measured in tests/unit/discover/churn.test.ts.
 */
const MAX_GROWTH = 56 * MIB;

const KUBELET_IDLE_MS = 6_000;

describe.skipIf(missingNode() !== null)("pods created and deleted at 10 a second", () => {
  let api: TestApiServer;
  let node: TestNode;
  let guard: TestGuard;
  let churn: PodChurn;

  beforeAll(async () => {
    api = await TestApiServer.start();
    node = await TestNode.start(api, NODE);
    const kubeconfig = api.kubeconfig("guard", api.nodeUser(NODE));
    const config = `[runtime]\nsockets = ["${node.containerd.socket}"]\n[kubernetes]\nkubeconfig = "${kubeconfig}"\n`;
    guard = await TestGuard.start({ roots: [node.kubepods], config });
    churn = new PodChurn(api);
  });

  afterAll(async () => {
    await guard?.stop();
    await node?.stop();
    await api?.stop();
  });

  const lifeOf = (serial: number): Life => {
    const leaks = serial % 20 === 0;
    const memory = { memory: `${30 + (serial % 4) * 10}Mi` };
    const args = leaks ? ["leak", "-", "200", "rate=100"] : ["sleep", "infinity"];
    return {
      // The others are there for their names: kubelet starts few of them in the time they have.
      ms: leaks ? 12_000 : 400,
      make: async (name, container) => {
        const containers = [{ name: container, args, limits: memory }];
        // Each dies once: a node tells of 30 deaths at once, then of one in 10 s, and somebody has to wait for that.
        const request = { name, nodeName: NODE, containers, restartPolicy: "Never" } as const;
        return (await api.createPod(request, IMAGE)).metadata;
      },
    };
  };

  const restartContainerd = async () => {
    await node.containerd.crash();
    await Bun.sleep(500);
    await node.containerd.startDaemon();
  };
  const restartKubelet = async () => {
    await node.stopKubelet();
    node.startKubelet();
  };
  const restartGuard = async () => {
    await guard.crash();
    await guard.restart();
  };

  /** Runs the churn, and these in the midst of it, each at its second. */
  async function run(seconds: number, trouble: readonly (readonly [number, () => Promise<void>])[]) {
    const startedMs = performance.now();
    const troubled = async () => {
      for (const [second, action] of trouble) {
        await Bun.sleep(Math.max(0, startedMs + second * 1000 - performance.now()));
        await action();
      }
    };
    await Promise.all([churn.run(seconds * 1000, lifeOf), troubled()]);
  }

  /** Directories of pods that are left. */
  const podCgroups = () =>
    ["", "/burstable", "/besteffort"].flatMap((qos) => {
      const directory = `${hierarchy.mount}${node.kubepods}${qos}`;
      return existsSync(directory) ? readdirSync(directory).filter((name) => name.startsWith("pod")) : [];
    });

  const quiet = async () => {
    // Restarted, it goes on for a while with pods of which it has yet to hear that they are deleted.
    let lastMs = performance.now();
    const isOver = () => {
      if (podCgroups().length > 0) lastMs = performance.now();
      return performance.now() - lastMs > KUBELET_IDLE_MS;
    };
    await until("kubelet has removed every pod", isOver, 120_000);
    const isPending = () => guard.history().some(({ event }) => event.state === "pending");
    await until("nothing waits to be told", () => !isPending(), 240_000);
    return { fds: guard.descriptorCount, watches: guard.inotifyWatchCount, rss: guard.rssBytes };
  };

  test("while containerd, kubelet and the guard are killed: no Event of the wrong pod, and nothing is left", async () => {
    // Before the minute, so that one process lives through all of it.
    await run(15, [
      [3, restartGuard],
      [6, restartContainerd],
      [8, restartKubelet],
      [10, restartGuard],
    ]);
    const before = await quiet();
    const born = churn.born.size;
    await run(60, [
      [8, restartContainerd],
      [16, restartKubelet],
      [26, restartContainerd],
      [36, restartKubelet],
      [40, restartContainerd],
      [50, restartContainerd],
      [52, restartKubelet],
    ]);
    const after = await quiet();

    expect(churn.born.size - born).toBe(600);
    const left = podCgroups();
    expect(left).toEqual([]);
    const isBack = () => guard.descriptorCount <= before.fds && guard.inotifyWatchCount <= before.watches;
    await until("descriptors and watches are back", isBack, 60_000);
    expect(after.rss - before.rss).toBeLessThan(MAX_GROWTH);

    const events = (await api.events()).filter(({ reason }) => reason.startsWith("OomGuard"));
    expect(churn.misattributed(events)).toEqual([]);
    const incidents = guard.history();
    const told = incidents.filter(({ event }) => event.state === "sent");
    // What the cgroup's path says is kubelet's word, and owes nothing to any name.
    for (const { cgroup, kind, event } of told) {
      const uid = /\/pod([0-9a-f-]{36})(?:\/|$)/.exec(cgroup)?.[1] ?? "";
      const own = events.filter(({ metadata }) => metadata.name === event.name);
      expect([cgroup, kind, own.map(({ involvedObject }) => involvedObject.uid)]).toEqual([
        cgroup,
        kind,
        [uid],
      ]);
    }
    expect(events.reduce((sum, { count = 0 }) => sum + count, 0)).toBe(told.length);
    // A pod that died while containerd was away, and was deleted before a list could tell its name.
    const untold = incidents.filter(({ event }) => event.state !== "sent");
    expect(untold.map(({ namespace, event }) => [namespace, event.reason])).toEqual(
      untold.map(() => [null, "no pod of this node has this container"]),
    );
    expect(untold.length).toBeLessThanOrEqual(told.length);
    // 37 were to leak; kubelet does not bring all of them so far.
    expect(incidents.length).toBeGreaterThan(5);
  });
});
