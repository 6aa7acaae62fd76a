import { edenGC } from "bun:jsc";
import { Epoll } from "../../ffi/epoll.ts";
import { ENODEV } from "../../ffi/errno.ts";
import { close } from "../../ffi/file.ts";
import type { sigkill } from "../../ffi/process.ts";
import { SysError } from "../../ffi/sys-error.ts";
import { descriptors, type MemoryReader, type Signal } from "../cgroup/hierarchy.ts";
import { stirred } from "../decide/pace.ts";
import { isWithin } from "../proc/cgroup-path.ts";
import { TurnoverMap } from "../turnover-map.ts";
import { Executor } from "./executor.ts";
import { Judge } from "./judge.ts";
import type { Ongoing } from "./ongoing.ts";
import { OomWatch } from "./oom-watch.ts";
import type { FromSentinel, Known, Start, ToSentinel, WatchSpec } from "./protocol.ts";
import { Troubles } from "./troubles.ts";
import { attach, CONTROL_TAG, detach, isListenedToOnce, listenTo, readTag, type Watch } from "./watch.ts";

const WAIT_CAPACITY = 64;

/** Work for a sentinel that has nothing else to do. */
export interface Spare {
  readonly isLeft: boolean;
  /** Does a piece of it: whatever happens meanwhile waits for its end. */
  doSome(): void;
}

const NOTHING: Spare = { isLeft: false, doSome: () => undefined };

/**
 * The thread that kills. Waits for the kernel's notifications and runs read -> decide -> kill to its end for each,
 * synchronously: no RPC, no log, no database, so nothing slow stands between a notification and a SIGKILL. What
 * happened goes to main as messages afterwards.
 */
export class Sentinel {
  readonly #reader: MemoryReader;
  readonly #post: (message: FromSentinel) => void;
  readonly #receive: () => ToSentinel | undefined;
  readonly #epoll = new Epoll(WAIT_CAPACITY);
  readonly #watches = new TurnoverMap<number, Watch>();
  readonly #slots = new Map<string, number>();
  readonly #troubles: Troubles;
  readonly #executor: Executor;
  readonly #oom: OomWatch;
  readonly #judge: Judge;
  /** A kill has left garbage. */
  #isLittered = false;
  #stopped = false;

  /**
   * @param receive the next message of main, undefined when there is none
   * @param signal how a process is killed: `sigkill`, but for a rehearsal
   */
  constructor(
    start: Start,
    reader: MemoryReader,
    post: (message: FromSentinel) => void,
    receive: () => ToSentinel | undefined,
    signal: typeof sigkill,
  ) {
    this.#reader = reader;
    this.#post = post;
    this.#receive = receive;
    this.#troubles = new Troubles(post);
    this.#executor = new Executor(start, reader, post, this.#troubles, signal);
    this.#oom = new OomWatch(reader);
    const [epoll, executor, oom, troubles] = [this.#epoll, this.#executor, this.#oom, this.#troubles];
    this.#judge = new Judge({ start, reader, epoll, executor, oom, troubles, post });
    this.#epoll.add(start.controlFd, CONTROL_TAG);
  }

  /** Blocks the thread until main says stop. */
  run(spare: Spare = NOTHING): void {
    while (this.goOn(spare)) {
      // It has no event loop to get back to.
    }
  }

  /** One round of that. @returns false: it has stopped, and given back what it held */
  goOn(spare: Spare): boolean {
    const waitMs = this.#timeoutMs(performance.now());
    // A cgroup that is due already may be followed to its threshold.
    const isTimeToTidy = this.#isLittered && waitMs !== 0;
    const happened = this.turn(spare.isLeft || isTimeToTidy ? 0 : waitMs);
    if (this.#stopped) {
      this.#end();
      return false;
    }
    if (happened > 0) return true;
    if (spare.isLeft) spare.doSome();
    else if (isTimeToTidy) this.#tidy();
    return true;
  }

  #end(): void {
    // What takes long to close goes with the process.
    for (const watch of this.#watches.values()) detach(this.#epoll, watch);
    this.#executor.ongoing.dropAll();
    this.#epoll.close();
    this.#post({ type: "stopped" });
  }

  /**
   * Waits until something happens, -1: for ever, and does what follows from that, and what is due.
   * @returns how much has happened @throws SysError where it cannot wait
   */
  turn(timeoutMs: number): number {
    const ready = this.#epoll.wait(timeoutMs);
    const nowMs = performance.now();
    let control = false;
    for (let i = 0; i < ready; i++) {
      const tag = this.#epoll.tagAt(i);
      if (tag === CONTROL_TAG) control = true;
      else this.#notified(tag, nowMs);
    }
    this.#followUp(nowMs);
    if (control) this.#obey();
    return ready;
  }

  /** 0.2 ms now, where nothing is due. By itself the collector comes every 50 leaks, in the middle of one, for 1 to 2 ms. */
  #tidy(): void {
    edenGC();
    this.#isLittered = false;
  }

  #timeoutMs(nowMs: number): number {
    const next = Math.min(this.#executor.ongoing.nextMs(), this.#oom.nextMs(), this.#judge.nextMs());
    // Without "| 0" what Math.ceil returns and -1 are two types to the engine, and the wait is compiled for one of them.
    return next === Number.POSITIVE_INFINITY ? -1 : Math.max(0, Math.ceil(next - nowMs)) | 0;
  }

  #notified(tag: number, nowMs: number): void {
    const { slot, meaning } = readTag(tag);
    const watch = this.#watches.get(slot);
    if (watch === undefined || watch.gone) return;
    switch (meaning) {
      case "threshold":
      case "pressure":
        if (isListenedToOnce(watch)) this.#stir(watch);
        this.#hearOfOom(watch, nowMs);
        this.#judge.evaluate(watch, meaning, nowMs);
        break;
      case "reclaim":
        this.#stir(watch);
        this.#judge.evaluate(watch, "pressure", nowMs);
        break;
      case "near":
        this.#judge.near(watch, nowMs);
        break;
      case "oom":
        this.#outOfMemory(watch, nowMs);
        this.#judge.evaluate(watch, "oom", nowMs);
    }
  }

  #stir(watch: Watch): void {
    watch.state = { ...watch.state, pace: stirred(watch.state.pace) };
  }

  #outOfMemory(watch: Watch, nowMs: number): void {
    // Where tasks wait for the guard, the kernel has nothing to be given way for.
    const { waitAtLimit, armed } = watch.spec;
    if (waitAtLimit && this.#reader.atLimit(armed.directoryFd) !== "kills") return;
    this.#oom.notified(watch, !this.#executor.diesAsAWhole(watch.spec), nowMs);
  }

  /** Where one notification stands for everything that happens to the memory of a cgroup, was it an OOM? */
  #hearOfOom(watch: Watch, nowMs: number): void {
    const events = this.#reader.oomEvents(watch.spec.armed.directoryFd);
    if (!(events >= 0) || events === watch.oomEvents) return;
    watch.oomEvents = events;
    this.#outOfMemory(watch, nowMs);
  }

  /** What is due by time: victims that may be dead by now, kills of the kernel's, polls. */
  #followUp(nowMs: number): void {
    if (this.#executor.ongoing.count > 0) {
      this.#executor.ongoing.check(
        nowMs,
        (cgroup) => this.#usageOf(cgroup),
        (ongoing) => this.#executor.killNewcomers(ongoing),
        (ongoing, outcome) => (outcome === "dead" ? this.#dead(ongoing, nowMs) : this.#stuck(ongoing, nowMs)),
      );
    }
    this.#oom.check(nowMs, (watch, kills) => this.#executor.tellKernelKills(watch, kills));
    this.#judge.lookAtDue(nowMs, (watch) => {
      if (!watch.heedsThreshold) this.#hearOfOom(watch, nowMs);
    });
  }

  #dead(ongoing: Ongoing, nowMs: number): void {
    this.#isLittered = true;
    this.#post({ type: "dead", id: ongoing.id, deadMillis: Math.round(nowMs - ongoing.struckMs) });
    this.#lookAgainAround(ongoing.spec.cgroup, nowMs);
  }

  #stuck(ongoing: Ongoing, nowMs: number): void {
    this.#executor.tellStuck(ongoing);
    // What it waits for may be with a task that waits at the limit.
    const watch = this.#watchOf(ongoing.spec.cgroup);
    if (watch?.spec.waitAtLimit) this.#judge.letGo(watch);
    this.#lookAgainAround(ongoing.spec.cgroup, nowMs);
  }

  /** A kill that is over, one way or the other, lets the cgroups go on that it held up. */
  #lookAgainAround(cgroup: string, nowMs: number): void {
    for (const watch of this.#watches.values()) {
      const other = watch.spec.cgroup;
      if (watch.gone || !(isWithin(other, cgroup) || isWithin(cgroup, other))) continue;
      this.#judge.evaluate(watch, "poll", nowMs);
    }
  }

  #usageOf(cgroup: string): number {
    const watch = this.#watchOf(cgroup);
    return watch === undefined ? -ENODEV : this.#reader.usage(watch.spec.armed);
  }

  #obey(): void {
    for (let message = this.#receive(); message !== undefined; message = this.#receive()) {
      switch (message.type) {
        case "watch":
          this.#add(message.spec);
          break;
        case "signals":
          this.#addSignals(message.slot, message.signals);
          break;
        case "release":
          this.#release(message.slot);
          break;
        case "know":
          this.#know(message.cgroup, message.known);
          break;
        case "ping":
          this.#post({ type: "pong", serial: message.serial });
          break;
        case "stop":
          this.#stopped = true;
          break;
      }
    }
  }

  #add(spec: WatchSpec): void {
    const watch = this.#attach(spec);
    if (watch === null) return;
    this.#watches.set(spec.slot, watch);
    this.#slots.set(spec.cgroup, spec.slot);
    this.#oom.learn(watch);
    watch.oomEvents = this.#reader.oomEvents(spec.armed.directoryFd);
    // A threshold that is exceeded already does not fire when it is registered.
    const nowMs = performance.now();
    this.#judge.evaluate(watch, "poll", nowMs);
    this.#judge.near(watch, nowMs);
  }

  #attach(spec: WatchSpec): Watch | null {
    try {
      return attach(this.#epoll, spec);
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      // fs.epoll.max_user_watches, or out of memory: this one stays the kernel's, the others are guarded on.
      for (const fd of descriptors(spec.armed)) close(fd);
      this.#post({ type: "helpless", slot: spec.slot, isWatched: false });
      this.#troubles.tell(
        "cgroup-not-armed",
        `attach ${error.code}`,
        `cannot watch ${spec.cgroup}: ${error.message}`,
      );
      return null;
    }
  }

  #addSignals(slot: number, signals: readonly Signal[]): void {
    const watch = this.#watches.get(slot);
    if (watch === undefined) {
      for (const { fd } of signals) close(fd);
      return;
    }
    try {
      listenTo(this.#epoll, watch, signals);
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      // As in `#attach`; without its threshold this one is polled.
      for (const signal of signals) if (!watch.signals.includes(signal)) close(signal.fd);
      this.#troubles.tell(
        "notification-refused",
        `listen ${error.code}`,
        `not all notifications about ${watch.spec.cgroup} are heard (${error.message}): the others and polling carry the watch`,
      );
    }
    const nowMs = performance.now();
    this.#judge.evaluate(watch, "poll", nowMs);
    this.#judge.near(watch, nowMs);
  }

  #release(slot: number): void {
    const watch = this.#watches.get(slot);
    if (watch === undefined) return;
    const fds = detach(this.#epoll, watch);
    if (fds.length > 0) this.#post({ type: "left-open", fds });
    this.#watches.delete(slot);
    this.#judge.drop(watch);
    this.#oom.drop(watch);
    for (const trouble of ["no-victim", "read", "kill"])
      this.#troubles.settle(`${trouble} ${watch.spec.cgroup}`);
    if (this.#slots.get(watch.spec.cgroup) === slot) this.#slots.delete(watch.spec.cgroup);
  }

  #know(cgroup: string, known: Known | null): void {
    this.#executor.know(cgroup, known);
    // Removed: the next cgroup of its name is another one.
    if (known === null) this.#oom.forgetCounter(cgroup);
    const watch = this.#watchOf(cgroup);
    if (watch !== undefined) watch.intentPrefix = null;
  }

  #watchOf(cgroup: string): Watch | undefined {
    const slot = this.#slots.get(cgroup);
    return slot === undefined ? undefined : this.#watches.get(slot);
  }
}
