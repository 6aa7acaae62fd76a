import type { Clock } from "../clock.ts";

/** What the watchdog goes by. */
export interface WatchdogPorts {
  readonly clock: Clock;
  /** Asks for a sign of life. Resolves when it is there: to false when none will ever come. */
  readonly ping: () => Promise<boolean>;
  /** Tells the service manager that all is well. */
  readonly beat: () => void;
  /** There was no answer for two thirds of the time: the service manager will act when it is over. */
  readonly onSilent: () => void;
  /** There was an answer. */
  readonly onAnswer: () => void;
}

// sd_watchdog_enabled(3) asks for half the time at most. With a third one beat that is lost is no restart.
const BEATS_PER_TIMEOUT = 3;
// An answer that came while this thread was blocked is read first.
const JUDGED_AFTER = 1 / 24;
// What a timer can wait for: 2^31 - 1 ms.
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Sends beats for as long as what it asks answers: one question at a time, and a beat for each answer. */
export class Watchdog {
  readonly #ports: WatchdogPorts;
  readonly #intervalMs: number;
  readonly #graceMs: number;
  #isAsking = false;
  #isStopped = false;
  #cancelRound: () => void = () => undefined;
  #cancelJudgement: () => void = () => undefined;

  /** @param timeoutMs after which the service manager acts */
  constructor(timeoutMs: number, ports: WatchdogPorts) {
    this.#ports = ports;
    this.#intervalMs = Math.min(Math.max(timeoutMs / BEATS_PER_TIMEOUT, 1), MAX_TIMER_MS);
    this.#graceMs = Math.min(timeoutMs * JUDGED_AFTER, MAX_TIMER_MS);
  }

  /** Begins, with a first question at once. */
  start(): void {
    this.#round();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelRound();
    this.#cancelJudgement();
  }

  #round(): void {
    this.#cancelRound = this.#ports.clock.after(this.#intervalMs, () => this.#round());
    if (this.#isAsking) this.#judge();
    else void this.#ask();
  }

  async #ask(): Promise<void> {
    this.#isAsking = true;
    const answered = await this.#ports.ping();
    if (!answered || this.#isStopped) return;
    this.#isAsking = false;
    this.#cancelJudgement();
    this.#ports.beat();
    this.#ports.onAnswer();
  }

  #judge(): void {
    this.#cancelJudgement();
    this.#cancelJudgement = this.#ports.clock.after(this.#graceMs, () => this.#ports.onSilent());
  }
}
