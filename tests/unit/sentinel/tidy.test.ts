import * as jsc from "bun:jsc";
import { afterEach, beforeEach, expect, mock, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEventfd, signalEventfd } from "../../../ffi/eventfd.ts";
import { close, openDirectory, openReadAt } from "../../../ffi/file.ts";
import { cString } from "../../../ffi/native-buffer.ts";
import { memoryReaderV1 } from "../../../src/cgroup/v1/read.ts";
import type { ToSentinel } from "../../../src/sentinel/protocol.ts";
import { startWith } from "./start-with.ts";

const order: string[] = [];
const { edenGC } = jsc;
mock.module("bun:jsc", () => ({
  ...jsc,
  edenGC() {
    order.push("collected");
    return edenGC();
  },
}));
const { Sentinel } = await import("../../../src/sentinel/sentinel.ts");

const CGROUP = "/c";
// No process ever has it (PID_MAX_LIMIT).
const PID = 4_194_310;

let stage: string;

beforeEach(() => {
  stage = mkdtempSync(join(tmpdir(), "oom-guard-tidy-"));
  mkdirSync(`${stage}/proc/${PID}`, { recursive: true });
  mkdirSync(stage + CGROUP);
  writeFileSync(`${stage}/proc/${PID}/cgroup`, `4:memory:${CGROUP}\n`);
  writeFileSync(`${stage}/proc/${PID}/oom_score_adj`, "0\n");
  writeFileSync(`${stage}/proc/${PID}/status`, "Name:\tleak\nPPid:\t1\nVmRSS:\t 4 kB\n");
  writeFileSync(`${stage}${CGROUP}/cgroup.procs`, `${PID}\n`);
  writeFileSync(`${stage}${CGROUP}/memory.usage_in_bytes`, "990\n");
  writeFileSync(`${stage}${CGROUP}/memory.stat`, "total_cache 0\ntotal_rss 990\n");
});

afterEach(() => rmSync(stage, { recursive: true }));

test("what a kill has left is collected when its victims are dead and nothing else is to be done, once", () => {
  const controlFd = createEventfd();
  const directoryFd = openDirectory(cString(stage + CGROUP));
  const bounds = { thresholdBytes: 980, marginBytes: 20, cacheFloorBytes: 20 };
  const spec = { slot: 1, cgroup: CGROUP, policy: "container", kind: "container", bounds } as const;
  const armed = {
    directoryFd,
    usageFd: openReadAt(directoryFd, memoryReaderV1.usageFile),
    statFd: openReadAt(directoryFd, memoryReaderV1.statFile),
    signals: [],
  };
  const messages: (ToSentinel | undefined)[] = [
    { type: "watch", spec: { ...spec, limitBytes: 1000, nearBytes: 960, waitAtLimit: false, armed } },
    undefined,
  ];
  let isDead = false;
  let looks = 0;
  // Without a threshold it is polled.
  const usage: typeof memoryReaderV1.usage = (armed) => {
    if (!isDead) return memoryReaderV1.usage(armed);
    if (looks++ === 3) {
      messages.push({ type: "stop" });
      signalEventfd(controlFd);
    }
    return 0;
  };
  const sentinel = new Sentinel(
    startWith(controlFd, { mount: stage, procRoot: `${stage}/proc` }),
    { ...memoryReaderV1, usage, oomKills: () => 0 },
    ({ type }) => {
      order.push(type);
      isDead ||= type === "dead";
    },
    () => messages.shift(),
    () => {
      order.push("kill");
      rmSync(`${stage}/proc/${PID}`, { recursive: true });
      writeFileSync(`${stage}${CGROUP}/cgroup.procs`, "");
      return 0;
    },
  );
  signalEventfd(controlFd);
  sentinel.run();
  close(controlFd);
  expect(order).toEqual(["kill", "incident", "dead", "collected", "stopped"]);
});
