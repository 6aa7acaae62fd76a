import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { TestCgroup } from "../support/cgroup.ts";
import { AnswerThief } from "../support/cluster/answer-thief.ts";
import { TestApiServer } from "../support/cluster/api-server.ts";
import { PaperPod } from "../support/cluster/paper-pod.ts";
import { TestGuard } from "../support/guard.ts";
import { missingApiServer } from "../support/requirements.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(240_000);

const NODE = "node-a";
const PODS = 20;

describe.skipIf(missingApiServer() !== null)("20 kills in 20 pods while the API server is away", () => {
  const top = TestCgroup.top();
  let api: TestApiServer;
  let thief: AnswerThief;
  let guard: TestGuard;
  let pods: PaperPod[];
  let round = 0;

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

  beforeEach(async () => {
    // A node may tell of 30 deaths at once, then of one in 10 s: with each start anew.
    await guard.crash();
    await guard.restart();
    const name = `round-${++round}`;
    const request = { root: top.path, node: NODE };
    pods = [];
    for (let index = 0; index < PODS; index++) {
      pods.push(await PaperPod.create(api, { ...request, name: `${name}-${index}` }));
    }
  });

  afterAll(async () => {
    await guard?.stop();
    thief?.stop();
    await api?.stop();
    await top.remove();
  });

  /** Every pod has one Event that tells of one death, and no other. */
  async function expectOneEventEach(): Promise<void> {
    await until(
      "every Event is sent",
      () => guard.history().every(({ event }) => event.state === "sent"),
      120_000,
    );
    const events = await api.events("default", "OomGuardKillContainer");
    for (const { name, uid } of pods) {
      const own = events.filter(({ involvedObject }) => involvedObject.name === name);
      expect(
        own.map(({ count, involvedObject }) => [name, count, involvedObject.uid, involvedObject.fieldPath]),
      ).toEqual([[name, 1, uid, "spec.containers{app}"]]);
    }
    expect(pods.map(({ cgroup }) => cgroup.oomKills)).toEqual(pods.map(() => 0));
  }

  test("the guard killed by SIGKILL right after each kill, and restarted: 20 Events, each once", async () => {
    await api.stopServer();
    for (const pod of pods) {
      expect(await pod.leak()).toBe(137);
      await guard.crash();
      await guard.restart();
    }
    expect(guard.history()).toHaveLength(PODS);
    await api.startServer();
    await expectOneEventEach();
  });

  test("answers lost after the server has acted: 20 Events, each once", async () => {
    await api.stopServer();
    for (const pod of pods) expect(await pod.leak()).toBe(137);
    const acted = () => thief.recorded("POST", /\/events/).filter(({ status }) => status === 201).length;
    const before = acted();
    thief.inject({ method: "POST", path: /\/events/, answer: "drop", times: 3 });
    await api.startServer();
    await expectOneEventEach();
    // Each was there already when the guard asked again.
    expect(acted() - before).toBe(PODS);
    expect(thief.recorded("POST", /\/events/).some(({ status }) => status === 409)).toBe(true);
  });

  test("answers lost and the guard killed between: 20 Events, each once", async () => {
    thief.inject({ method: "POST", path: /\/events/, answer: "drop" });
    for (const pod of pods) {
      expect(await pod.leak()).toBe(137);
      await guard.crash();
      await guard.restart();
    }
    thief.relent();
    await expectOneEventEach();
  });
});
