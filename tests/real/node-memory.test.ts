import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type NodeMemory, readNodeMemory } from "../../src/node/node-memory.ts";
import { oomGuard } from "../cli/oom-guard.ts";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { TestApiServer } from "../support/cluster/api-server.ts";
import { freePort } from "../support/cluster/free-port.ts";
import { TestNode } from "../support/cluster/node.ts";
import { hierarchy } from "../support/hierarchy.ts";
import { type Leak, startLeak } from "../support/leak.ts";
import { missingNode } from "../support/requirements.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(240_000);

const NODE = "node-m";
const SAMPLE_MS = 200;
/** kubelet looks every 10 s, and less often, up to 15 s, at what does not change (cAdvisor's housekeeping). */
const PERIOD_MS = 35_000;
/**
 * kubelet tells the second in which it looked, so its value is compared with all of ours of that second, and with those
 * just before and after it. Between two of ours, and between the two files that one value is made of, others on the
 * machine allocate: some MiB. What a wrong formula would be off by is made far larger.
 */
const TOLERANCE_BYTES = 16 * MIB;
const CACHE_MIB = 256;
const LEAK_MIB = 500;

interface Summary {
  readonly node: {
    readonly memory: {
      readonly time: string;
      readonly availableBytes: number;
      readonly workingSetBytes: number;
    };
  };
}

interface Sample extends NodeMemory {
  readonly at: number;
}

describe.skipIf(missingNode() !== null)("the node's memory as a real kubelet counts it", () => {
  const port = freePort();
  let scratch: string;
  let api: TestApiServer;
  let node: TestNode;
  let cgroup: TestCgroup;
  let leak: Leak | null = null;

  beforeAll(async () => {
    scratch = mkdtempSync(join(tmpdir(), "oom-guard-node-memory-"));
    api = await TestApiServer.start();
    node = await TestNode.start(api, NODE, {
      settings: {
        readOnlyPort: port,
        evictionHard: { "memory.available": "1%" },
        systemReserved: { memory: "64Mi" },
      },
    });
    cgroup = TestCgroup.top();
  });

  afterAll(async () => {
    await leak?.kill();
    await cgroup?.remove();
    await node?.stop();
    await api?.stop();
    rmSync(scratch, { recursive: true, force: true });
  });

  const look = (): Sample => ({
    at: Date.now(),
    ...readNodeMemory({ version: hierarchy.version, mount: hierarchy.mount, procRoot: "/proc" }),
  });

  async function summary(): Promise<Summary["node"]["memory"]> {
    const answer = await fetch(`http://127.0.0.1:${port}/stats/summary`);
    return ((await answer.json()) as Summary).node.memory;
  }

  /** What kubelet saw in a second that began after this call, and what we saw around that second. */
  async function compared() {
    const start = Date.now();
    const samples: Sample[] = [];
    let seen = await summary();
    const timer = setInterval(() => samples.push(look()), SAMPLE_MS);
    try {
      await until(
        "kubelet has looked again",
        async () => {
          await Bun.sleep(SAMPLE_MS);
          seen = await summary();
          return Date.parse(seen.time) > start && Date.now() > Date.parse(seen.time) + 1000 + 2 * SAMPLE_MS;
        },
        PERIOD_MS,
      );
    } finally {
      clearInterval(timer);
    }
    const second = Date.parse(seen.time);
    const around = samples.filter(
      ({ at }) => at >= second - 2 * SAMPLE_MS && at <= second + 1000 + 2 * SAMPLE_MS,
    );
    expect(around.length).toBeGreaterThan(2);
    const range = (of: (sample: Sample) => number | null) => {
      const values = around.map(of).map((value) => value ?? Number.NaN);
      return { least: Math.min(...values), most: Math.max(...values) };
    };
    return { kubelet: seen, range };
  }

  async function expectSame() {
    const { kubelet, range } = await compared();
    const ours = range(({ availableBytes }) => availableBytes);
    expect(kubelet.availableBytes).toBeGreaterThanOrEqual(ours.least - TOLERANCE_BYTES);
    expect(kubelet.availableBytes).toBeLessThanOrEqual(ours.most + TOLERANCE_BYTES);
    return kubelet;
  }

  test("memory.available is kubelet's own within one sampling step, before an allocation and after", async () => {
    // Cache read once is inactive: no part of the working set. Cache read again is active: a part of it, and not of what
    // Linux takes for used.
    for (const [name, times] of [
      ["once", 1],
      ["again", 3],
    ] as const) {
      const file = join(scratch, name);
      writeFileSync(file, Buffer.alloc(CACHE_MIB * MIB));
      const read = `echo $$ >"$1"; sync "$2"; dd if="$2" iflag=nocache count=0; for i in $(seq ${times}); do cat "$2"; done`;
      Bun.spawnSync(["/bin/sh", "-c", read, "sh", cgroup.child(name).procsFile, file], {
        stdio: ["ignore", "ignore", "ignore"],
      });
    }
    const before = await expectSame();
    const filled = cgroup.child("leak");
    leak = await startLeak({ procsFile: filled.procsFile, megabytes: LEAK_MIB, hold: true });
    await until("the leak is full", () => filled.anonBytes >= LEAK_MIB * MIB);
    const after = await expectSame();
    expect(before.availableBytes - after.availableBytes).toBeGreaterThan((LEAK_MIB / 2) * MIB);
  });

  test("scan tells the same, what is allocatable, and the sums that kubectl describe tells", async () => {
    const sleep = { args: ["sleep", "infinity"] };
    await node.runPod({
      name: "limited",
      containers: [{ name: "app", ...sleep, requests: { memory: "50Mi" }, limits: { memory: "120Mi" } }],
    });
    await node.runPod({
      name: "free",
      containers: [
        { name: "app", ...sleep, requests: { memory: "200Mi" } },
        { name: "side", ...sleep, limits: { memory: "30Mi" } },
      ],
    });
    const scan = async (kubeconfig: string, ...flags: string[]) => {
      const config = join(scratch, "config.toml");
      writeFileSync(
        config,
        `[runtime]\nsockets = []\n[kubernetes]\nkubeconfig = "${kubeconfig}"\nnode_name = "${NODE}"\n`,
      );
      const outcome = await oomGuard("scan", "--config", config, "--cgroup-root", node.kubepods, ...flags);
      expect(outcome).toMatchObject({ exitCode: 0, stderr: "" });
      return outcome.stdout;
    };
    const kubeconfig = api.kubeconfig("scan", api.nodeUser(NODE));
    const first = look();
    const report = JSON.parse(await scan(kubeconfig, "--json"));
    const last = look();

    const near = [first.availableBytes ?? 0, last.availableBytes ?? 0];
    expect(report.node.memoryAvailableBytes).toBeGreaterThanOrEqual(Math.min(...near) - TOLERANCE_BYTES);
    expect(report.node.memoryAvailableBytes).toBeLessThanOrEqual(Math.max(...near) + TOLERANCE_BYTES);

    type NodeObject = { status: { allocatable: { memory: string }; capacity: { memory: string } } };
    const { status } = await api.request<NodeObject>("GET", `/api/v1/nodes/${NODE}`);
    const bytes = (quantity: string) => parseInt(quantity, 10) * (quantity.endsWith("Ki") ? 1024 : 1);
    expect(report.node).toMatchObject({
      memoryTotalBytes: bytes(status.capacity.memory),
      allocatableBytes: bytes(status.allocatable.memory),
      allocatableSource: "api",
      // As kubelet's 32-bit floats have it.
      evictionThresholdBytes: Math.trunc(bytes(status.capacity.memory) * Math.fround(Math.fround(1) / 100)),
      podsWithoutLimit: 1,
    });
    const described = await api.kubectl(["describe", "node", NODE]);
    const memory = /Allocated resources:[\s\S]*?\n\s+memory\s+(\d+)Mi \(.*?\)\s+(\d+)Mi /.exec(described);
    expect([report.node.requestsBytes, report.node.limitsBytes]).toEqual([
      Number(memory?.[1]) * MIB,
      Number(memory?.[2]) * MIB,
    ]);
    const pods = Object.fromEntries(report.pods.map((pod: { pod: string }) => [pod.pod, pod]));
    expect(pods.limited).toMatchObject({
      requestBytes: 50 * MIB,
      limitBytes: 120 * MIB,
      overcommitBytes: 70 * MIB,
    });
    expect(pods.free).toMatchObject({ requestBytes: 230 * MIB, limitBytes: null, overcommitBytes: null });
    expect(pods.free.wasteBytes).toBe(pods.free.requestBytes - pods.free.workingSetBytes);
    expect(pods.free.workingSetBytes).toBeGreaterThan(0);

    const text = await scan(kubeconfig);
    expect(text).toMatch(/MOST OVERCOMMIT.*\ndefault\/limited +50M +120M +70M\n/);
    expect(text).toMatch(/MOST WASTE.*\ndefault\/free +230M /);

    // Where the API server does not tell, the limit that kubelet gives the pods' cgroup does: to a page.
    const alone = JSON.parse(await scan("off", "--json")).node;
    expect(alone).toMatchObject({ allocatableSource: "cgroup", requestsBytes: null });
    expect(Math.abs(alone.allocatableBytes - report.node.allocatableBytes)).toBeLessThanOrEqual(4096);
  });
});
