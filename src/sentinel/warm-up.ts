import { Epoll } from "../../ffi/epoll.ts";
import { close, openFile } from "../../ffi/file.ts";
import { sendNothing } from "../../ffi/process.ts";
import { SysError } from "../../ffi/sys-error.ts";
import type { MemoryReader } from "../cgroup/hierarchy.ts";
import { Executor } from "./executor.ts";
import { FinalApproach } from "./final-approach.ts";
import { Play, roleOf } from "./play.ts";
import type { FromSentinel, Rehearsal, Start } from "./protocol.ts";
import { Sentinel, type Spare } from "./sentinel.ts";
import { sharedSkips } from "./skips.ts";
import { Troubles } from "./troubles.ts";
import { attach, type Watch } from "./watch.ts";

// Enough for the engine's compilers to take notice: without them the first real kill took 0.9 ms, with 160 in all 0.38, with
// 364 it takes 0.3 as the later ones (median of 24). Most are while main arms, on two cores in its way: with a hundred there a start
// with 250 cgroups is 20 ms shorter, but of 14 times two leaks at full speed right after READY 5 were lost instead of one.
const ROUNDS_WHILE_ARMING = 300;
const ROUNDS_AFTERWARDS = 64;
// Every plot with every limit and kind. More of them would leave 60 KB each for a collector that may not come for days.
const ROUNDS_TO_TOUCH = 24;
const ROUNDS_OF_APPROACH = 10;
// What comes meanwhile waits for that long.
const PIECE_MS = 0.2;

const ignore = () => undefined;

/**
 * Lets sentinels guard, and kill, on a stage, with a signal that goes nowhere. So everything a real kill runs through is
 * compiled, and its memory is there, when it counts. It is done in pieces of 0.2 ms by a thread that guards already: so what is
 * there is guarded 80 ms sooner than after a warm-up, and until it is warm a kill takes up to 1 ms.
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
    this.#rounds = rehearsals[rehearsal]({ start: onStage, stage, reader: this.#reader });
  }

  get isLeft(): boolean {
    return this.#rounds !== null;
  }

  doSome(): void {
    try {
      if (this.#rounds?.next().done !== true) return;
    } catch (error) {
      // No descriptor or no memory is left: what is guarded is guarded on, and its first kill is a little slower.
      if (!(error instanceof SysError)) throw error;
    }
    this.#rounds = null;
    this.#onDone();
  }
}

/** Where it is played, and what by. */
interface Theatre {
  readonly stage: string;
  readonly start: Start;
  readonly reader: MemoryReader;
}

const rehearsals: Readonly<Record<Rehearsal, (theatre: Theatre) => Generator<void>>> = {
  *first(theatre) {
    mixArrays();
    yield* rounds(theatre, ROUNDS_WHILE_ARMING);
  },

  rest: (theatre) => rounds(theatre, ROUNDS_AFTERWARDS),

  // For what the collector has dropped.
  *touch(theatre) {
    Bun.gc(true);
    yield;
    yield* rounds(theatre, ROUNDS_TO_TOUCH);
  },
};

function* rounds(theatre: Theatre, count: number): Generator<void> {
  yield* watchAndKill(theatre, count);
  yield* closeIn(theatre, count);
}

/**
 * The first array of whole numbers that ever gets something else in it makes the engine throw away what it has compiled for
 * all the others, and in life that happened when usage first came near a limit.
 */
function mixArrays(): void {
  for (const other of [0.5, ""]) {
    const array: unknown[] = [];
    array.push(1);
    array.push(other);
  }
}

const harmless: typeof sendNothing = (procDirectoryFd, pid) => {
  sendNothing(procDirectoryFd, pid);
  return 0;
};

// Messages to main are made, too: that a limit is near is told before the kill. Of two functions neither is taken for the only
// one that ever stands there.
const posts = [ignore, (message: FromSentinel) => void structuredClone(message)];

function* watchAndKill({ stage, start, reader }: Theatre, count: number): Generator<void> {
  const blackBoxFd = openFile("/dev/null", 1);
  const skips = sharedSkips();
  try {
    for (let round = 0; round < count; round++) {
      const play = new Play(stage, reader, roleOf(round));
      try {
        const onStage = { ...start, blackBoxFd, controlFd: play.controlFd, skips };
        const post = posts[round % posts.length]!;
        const sentinel = new Sentinel(onStage, reader, post, () => play.receive(), harmless);
        for (let sinceMs = performance.now(); sentinel.goOn(play); ) {
          if (performance.now() - sinceMs < PIECE_MS) continue;
          yield;
          sinceMs = performance.now();
        }
      } finally {
        play.close();
      }
    }
  } finally {
    close(blackBoxFd);
  }
}

/** The last milliseconds before a kill, in no time: it is told what time it is. */
function* closeIn({ stage, start, reader }: Theatre, count: number): Generator<void> {
  const blackBoxFd = openFile("/dev/null", 1);
  const plays: Play[] = [];
  try {
    for (const round of [0, 4]) plays.push(new Play(stage, reader, roleOf(round)));
    const epoll = new Epoll(1);
    const watches = plays.map(({ spec }) => attach(epoll, structuredClone(spec)));
    epoll.close();
    const executor = new Executor({ ...start, blackBoxFd }, reader, ignore, new Troubles(ignore), () => 0);
    const approach = new FinalApproach(reader, executor);
    for (let round = 0; round < count; round += ROUNDS_OF_APPROACH) {
      for (const watch of watches) comeUp(approach, watch, performance.now());
      yield;
    }
  } finally {
    for (const play of plays) play.close();
    close(blackBoxFd);
  }
}

function comeUp(approach: FinalApproach, watch: Watch, nowMs: number): void {
  const { nearBytes, bounds } = watch.spec;
  const stepBytes = bounds.marginBytes / ROUNDS_OF_APPROACH;
  approach.begin(watch, nearBytes, nowMs);
  for (let i = 1; i < ROUNDS_OF_APPROACH; i++) approach.follow(watch, nearBytes + i * stepBytes, nowMs + i);
  watch.closingIn = null;
}
