import { Epoll } from "../../ffi/epoll.ts";
import { createEventfd, signalEventfd } from "../../ffi/eventfd.ts";
import { close, openDirectory, openFile, openReadAt } from "../../ffi/file.ts";
import { cString } from "../../ffi/native-buffer.ts";
import type { MemoryReader } from "../cgroup/hierarchy.ts";
import { Executor } from "./executor.ts";
import { FinalApproach } from "./final-approach.ts";
import type { FromSentinel, Rehearsal, Start, ToSentinel, WatchSpec } from "./protocol.ts";
import { Sentinel, type Spare } from "./sentinel.ts";
import { sharedSkips } from "./skips.ts";
import { STAGE_CGROUP, STAGE_LIMIT_BYTES } from "./stage.ts";
import { Troubles } from "./troubles.ts";
import { attach, detach } from "./watch.ts";

// Enough for the engine's compilers to take notice: the first real kill took 0.9 ms without, the later ones 0.26.
const ROUNDS_TO_COMPILE = 300;
const ROUNDS_OF_APPROACH = 10;
// One of each policy, and once more with what the first ones have made necessary.
const ROUNDS_TO_TOUCH = 8;

const ignore = () => undefined;

/**
 * Lets sentinels guard, and kill, on a stage, with a signal that goes nowhere. So everything a real kill runs through is
 * compiled, and its memory is there, when it counts. It is done round by round, 0.2 to 0.5 ms each, by a thread that guards
 * already: so what is there is guarded 100 ms sooner than after a warm-up, and until it is warm a kill takes 1 ms.
 */
export class WarmUp implements Spare {
  readonly #start: Start;
  readonly #reader: MemoryReader;
  readonly #onDone: () => void;
  #rounds: Generator<void> | null = null;

  constructor(start: Start, reader: MemoryReader, onDone: () => void) {
    this.#start = start;
    this.#reader = reader;
    this.#onDone = onDone;
  }

  /** @param stage the folder of a `Stage`, there until it is done */
  begin(rehearsal: Rehearsal, stage: string): void {
    const onStage = { ...this.#start, procRoot: `${stage}/proc` };
    this.#rounds = (rehearsal === "compile" ? compile : touch)({
      start: onStage,
      stage,
      reader: this.#reader,
    });
  }

  get isLeft(): boolean {
    return this.#rounds !== null;
  }

  doSome(): void {
    if (this.#rounds?.next().done !== true) return;
    this.#rounds = null;
    this.#onDone();
  }
}

interface Play {
  readonly stage: string;
  readonly start: Start;
  readonly reader: MemoryReader;
}

function* compile(play: Play): Generator<void> {
  yield* watchAndKill(play, ROUNDS_TO_COMPILE, ignore);
  yield* closeIn(play, ROUNDS_TO_COMPILE);
}

/** For what the collector has dropped. */
function* touch(play: Play): Generator<void> {
  Bun.gc(true);
  yield;
  // Messages to main are made, too: that a limit is near is told before the kill.
  yield* watchAndKill(play, ROUNDS_TO_TOUCH, (message) => void structuredClone(message));
  yield* closeIn(play, ROUNDS_TO_TOUCH);
}

function* watchAndKill(
  { stage, start, reader }: Play,
  rounds: number,
  post: (message: FromSentinel) => void,
): Generator<void> {
  const blackBoxFd = openFile("/dev/null", 1);
  const controlFd = createEventfd();
  const skips = sharedSkips();
  try {
    for (let round = 0; round < rounds; round++) {
      const script: ToSentinel[] = [{ type: "watch", spec: watchOn(stage, round, reader) }, { type: "stop" }];
      const sentinel = new Sentinel(
        { ...start, blackBoxFd, controlFd, skips },
        reader,
        post,
        () => script.shift(),
        () => 0,
      );
      signalEventfd(controlFd);
      sentinel.run();
      yield;
    }
  } finally {
    close(blackBoxFd);
    close(controlFd);
  }
}

/** The last milliseconds before a kill, in no time: it is told what time it is. */
function* closeIn({ stage, start, reader }: Play, rounds: number): Generator<void> {
  const blackBoxFd = openFile("/dev/null", 1);
  const epoll = new Epoll(1);
  const watch = attach(epoll, watchOn(stage, 1, reader));
  try {
    const executor = new Executor({ ...start, blackBoxFd }, reader, ignore, new Troubles(ignore), () => 0);
    const approach = new FinalApproach(reader, executor);
    const nowMs = performance.now();
    approach.begin(watch, STAGE_LIMIT_BYTES / 2, nowMs);
    for (let round = 1; round <= rounds; round++) {
      approach.follow(watch, STAGE_LIMIT_BYTES / 2 + round, nowMs + round);
      if (round % ROUNDS_OF_APPROACH === 0) yield;
    }
  } finally {
    detach(epoll, watch);
    epoll.close();
    close(blackBoxFd);
  }
}

/** The sentinel closes its descriptors, so each round opens its own. In one of four the limit is only near. */
function watchOn(stage: string, round: number, reader: MemoryReader): WatchSpec {
  const thresholdBytes = round % 4 === 3 ? 2 * STAGE_LIMIT_BYTES : STAGE_LIMIT_BYTES / 2;
  const directoryFd = openDirectory(cString(`${stage}${STAGE_CGROUP}`));
  return {
    slot: 1,
    cgroup: STAGE_CGROUP,
    kind: "container",
    policy: round % 4 === 0 ? "process" : "container",
    limitBytes: STAGE_LIMIT_BYTES,
    nearBytes: STAGE_LIMIT_BYTES / 2,
    bounds: { thresholdBytes, marginBytes: STAGE_LIMIT_BYTES / 2, cacheFloorBytes: STAGE_LIMIT_BYTES / 2 },
    waitAtLimit: false,
    armed: {
      directoryFd,
      usageFd: openReadAt(directoryFd, reader.usageFile),
      statFd: openReadAt(directoryFd, reader.statFile),
      signals: [],
    },
  };
}
