import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { Epoll } from "../../ffi/epoll.ts";
import { createEventfd, signalEventfd } from "../../ffi/eventfd.ts";
import { close, openDirectory, openFile, openReadAt } from "../../ffi/file.ts";
import { cString } from "../../ffi/native-buffer.ts";
import type { MemoryReader } from "../cgroup/hierarchy.ts";
import { Executor } from "./executor.ts";
import { FinalApproach } from "./final-approach.ts";
import type { FromSentinel, Start, ToSentinel, WatchSpec } from "./protocol.ts";
import { Sentinel } from "./sentinel.ts";
import { sharedSkips } from "./skips.ts";
import { Troubles } from "./troubles.ts";
import { attach, detach } from "./watch.ts";

// Enough for the engine's compilers to take notice: the first real kill took 0.9 ms without, the later ones 0.26.
const ROUNDS_TO_COMPILE = 300;
// One of each policy, and once more with what the first ones have made necessary.
const ROUNDS_TO_TOUCH = 8;
// One more than the largest pid_max (PID_MAX_LIMIT, include/linux/threads.h): no process ever has it.
const NOBODY = 4_194_305;
const CGROUP = "/rehearsal";
const LIMIT = 1_000_000;

type Post = (message: FromSentinel) => void;
const ignore: Post = () => undefined;

/**
 * Lets sentinels guard, and kill, on a stage of plain files: a cgroup over its threshold with one process that cannot
 * exist, and a signal that goes nowhere. So everything a real kill runs through is compiled, and its memory is
 * there, when it counts. Where no stage can be built the first kill is a little slower.
 */
export function compileKillPath(start: Start, reader: MemoryReader): void {
  rehearseOnStage(start, reader, ROUNDS_TO_COMPILE);
}

/**
 * The same in 2 ms, as it is armed already, for what the collector has dropped. Messages to main are made, too: that a limit
 * is near is told before the kill.
 */
export function touchKillPath(start: Start, reader: MemoryReader): void {
  rehearseOnStage(start, reader, ROUNDS_TO_TOUCH, (message) => void structuredClone(message));
}

function rehearseOnStage(start: Start, reader: MemoryReader, rounds: number, post: Post = ignore): void {
  let stage: string;
  try {
    stage = mkdtempSync(`${tmpdir()}/oom-guard-`);
  } catch {
    return;
  }
  try {
    build(stage);
    rehearse(stage, start, reader, rounds, post);
    rehearseApproach(stage, start, reader, rounds);
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

function build(stage: string): void {
  const proc = `${stage}/proc/${NOBODY}`;
  const cgroup = `${stage}${CGROUP}`;
  mkdirSync(proc, { recursive: true });
  mkdirSync(cgroup);
  // A real one: parts of the engine are made for long texts, and are first needed for those.
  const status = readFileSync("/proc/self/status", "utf8");
  const counters = "cache rss inactive_file active_file inactive_anon active_anon swap".split(" ");
  const unified = "anon file kernel sock inactive_file active_file inactive_anon active_anon".split(" ");
  const zeros = [...counters.map((name) => `total_${name}`), ...unified]
    .map((name) => `${name} 0\n`)
    .join("");
  const files: Record<string, string> = {
    [`${proc}/cgroup`]: `4:memory:${CGROUP}\n0::${CGROUP}\n`,
    [`${proc}/oom_score_adj`]: "0\n",
    [`${proc}/comm`]: "nobody\n",
    [`${proc}/status`]: status,
    [`${cgroup}/cgroup.procs`]: `${NOBODY}\n`,
    [`${cgroup}/memory.usage_in_bytes`]: `${LIMIT}\n`,
    [`${cgroup}/memory.current`]: `${LIMIT}\n`,
    [`${cgroup}/memory.stat`]: zeros,
    [`${cgroup}/memory.events.local`]: "oom 0\noom_kill 0\n",
    [`${cgroup}/memory.oom_control`]: "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n",
  };
  for (const [path, text] of Object.entries(files)) writeFileSync(path, text);
}

function rehearse(stage: string, start: Start, reader: MemoryReader, rounds: number, post: Post): void {
  const blackBoxFd = openFile("/dev/null", 1);
  const controlFd = createEventfd();
  const skips = sharedSkips();
  try {
    for (let round = 0; round < rounds; round++) {
      const script: ToSentinel[] = [{ type: "watch", spec: watchOn(stage, round, reader) }, { type: "stop" }];
      const sentinel = new Sentinel(
        { ...start, procRoot: `${stage}/proc`, blackBoxFd, controlFd, skips },
        reader,
        post,
        () => script.shift(),
        () => 0,
      );
      signalEventfd(controlFd);
      sentinel.run();
    }
  } finally {
    close(blackBoxFd);
    close(controlFd);
  }
}

/** The last milliseconds before a kill, in no time: it is told what time it is. */
function rehearseApproach(stage: string, start: Start, reader: MemoryReader, rounds: number): void {
  const blackBoxFd = openFile("/dev/null", 1);
  const epoll = new Epoll(1);
  const watch = attach(epoll, watchOn(stage, 1, reader));
  try {
    const onStage = { ...start, procRoot: `${stage}/proc`, blackBoxFd };
    const executor = new Executor(onStage, reader, ignore, new Troubles(ignore), () => 0);
    const approach = new FinalApproach(reader, executor);
    const nowMs = performance.now();
    approach.begin(watch, LIMIT / 2, nowMs);
    for (let round = 1; round <= rounds; round++) approach.follow(watch, LIMIT / 2 + round, nowMs + round);
  } finally {
    detach(epoll, watch);
    epoll.close();
    close(blackBoxFd);
  }
}

/** The sentinel closes its descriptors, so each round opens its own. In one of four the limit is only near. */
function watchOn(stage: string, round: number, reader: MemoryReader): WatchSpec {
  const thresholdBytes = round % 4 === 3 ? 2 * LIMIT : LIMIT / 2;
  const directoryFd = openDirectory(cString(`${stage}${CGROUP}`));
  return {
    slot: 1,
    cgroup: CGROUP,
    kind: "container",
    policy: round % 4 === 0 ? "process" : "container",
    limitBytes: LIMIT,
    nearBytes: LIMIT / 2,
    bounds: { thresholdBytes, marginBytes: LIMIT / 2, cacheFloorBytes: LIMIT / 2 },
    waitAtLimit: false,
    armed: {
      directoryFd,
      usageFd: openReadAt(directoryFd, reader.usageFile),
      statFd: openReadAt(directoryFd, reader.statFile),
      signals: [],
    },
  };
}
