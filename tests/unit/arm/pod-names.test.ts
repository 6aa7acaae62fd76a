import { expect, test } from "bun:test";
import { Armer } from "../../../src/arm/armer.ts";
import { defaults } from "../../../src/config/defaults.ts";
import { compileRules } from "../../../src/config/rules.ts";
import { ContainerNames } from "../../../src/discover/container-names.ts";
import { identifyCgroup } from "../../../src/discover/identify.ts";
import { NodePods } from "../../../src/discover/node-pods.ts";
import { PodLookup } from "../../../src/discover/pod-lookup.ts";
import type { NodePod } from "../../../src/kubernetes/node-pod.ts";
import type { ToSentinel } from "../../../src/sentinel/protocol.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { container, pod } from "../discover/pods.ts";
import { fakeHierarchy } from "./fake-hierarchy.ts";

const hierarchy = fakeHierarchy();

/** A node without a runtime that tells names, and an API server that lists `running`. */
function node() {
  const clock = new FakeClock();
  const running = new Map<string, NodePod>();
  const sent: ToSentinel[] = [];
  const pods = new NodePods();
  let lists = 0;
  const listPods = async () => {
    lists++;
    return { ok: true as const, value: [...running.values()] };
  };
  const lookup = new PodLookup({ listPods, pods, clock, random: () => 0 });
  const rules = [{ match: { container: "job" }, set: { policy: "noop" as const } }];
  const armer = new Armer(
    {
      hierarchy,
      identify: (cgroup) => identifyCgroup(cgroup, new ContainerNames(), pods),
      onIdentified: (cgroup, identity) => lookup.identified(cgroup, identity),
      send: (message) => sent.push(message),
      onTrouble: () => undefined,
    },
    compileRules({ ...defaults, rules }),
  );
  pods.onChange((change) => armer.namesChanged(change));
  return { clock, running, sent, pods, armer, lists: () => lists };
}

const uidOf = (n: number) => `11111111-2222-3333-4444-${String(n).padStart(12, "0")}`;
const idOf = (n: number) => n.toString(16).padStart(64, "0");
const pathOf = (n: number) => `/kubepods/pod${uidOf(n)}/${idOf(n)}`;
const podOf = (n: number): NodePod => ({ ...pod(`p${n}`, [container("job", [idOf(n)])]), nodeUid: uidOf(n) });

test("a container without labels is armed by the rule for its name once a list has it", async () => {
  const { clock, running, sent, armer, lists } = node();
  running.set("1", podOf(1));
  armer.refresh(pathOf(1));
  const policies = () => sent.flatMap((message) => (message.type === "watch" ? [message.spec.policy] : []));
  expect(policies()).toEqual(["container"]);
  await clock.pass(2000);
  expect(policies()).toEqual(["container", "noop"]);
  expect(sent).toContainEqual(
    expect.objectContaining({
      type: "know",
      known: { policy: "noop", identity: expect.objectContaining({ pod: "p1", container: "job" }) },
    }),
  );
  expect([lists(), clock.pending]).toEqual([1, 0]);
});

test("ten pods a second that come and go leave nothing behind", async () => {
  const { clock, running, pods, armer, lists } = node();
  const ALIVE = 100;
  for (let n = 0; n < 3000; n++) {
    running.set(uidOf(n), podOf(n));
    armer.refresh(pathOf(n));
    running.delete(uidOf(n - ALIVE));
    armer.forget(pathOf(n - ALIVE));
    await clock.pass(100);
  }
  expect(pods.size).toBeLessThanOrEqual(3 * ALIVE);
  expect(lists()).toBeLessThanOrEqual(33);
  for (let n = 2900; n < 3000; n++) armer.forget(pathOf(n));
  expect([armer.armedCount, clock.pending]).toEqual([0, 0]);
});
