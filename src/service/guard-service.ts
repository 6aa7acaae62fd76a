import { monotonicMicros } from "../../ffi/clock.ts";
import { EAGAIN } from "../../ffi/errno.ts";
import { SysError } from "../../ffi/sys-error.ts";
import { UnixDatagram } from "../../ffi/unix-datagram.ts";
import { systemClock } from "../clock.ts";
import type { Log } from "../report/log.ts";
import { type GuardCounts, statusText } from "../report/status-text.ts";
import type { ServiceEnvironment } from "./environment.ts";
import { ServiceManager } from "./service-manager.ts";
import { Watchdog } from "./watchdog.ts";

/** The guard, as the service manager sees it. */
export interface Guarding {
  readonly counts: GuardCounts;
  /** Resolves when the sentinel thread answers: to false when it has ended. */
  ping(): Promise<boolean>;
}

/** Tells the service manager of the guard's life. Without a service manager it does nothing at all. */
export class GuardService {
  readonly #manager: ServiceManager | null;
  readonly #watchdogMs: number | null;
  readonly #log: Log;
  #watchdog: Watchdog | null = null;
  #guard: Guarding | null = null;
  #problem: string | null = null;
  #status = "";
  #reloads = 0;
  #isStopping = false;

  constructor({ address, watchdogMs, problems }: ServiceEnvironment, log: Log) {
    for (const problem of problems) log.warn("service-environment", problem);
    this.#log = log;
    this.#watchdogMs = watchdogMs;
    this.#manager = address === null ? null : openManager(address, log);
  }

  /** Everything that is there is armed. */
  started(guard: Guarding): void {
    // It may have been told to stop while it started.
    if (this.#manager === null || this.#isStopping) return;
    this.#guard = guard;
    this.#ready();
    if (this.#watchdogMs === null) return;
    this.#watchdog = this.#watch(this.#manager, guard, this.#watchdogMs);
    this.#watchdog.start();
  }

  /** Renews the status if it has changed. To be called when it may have, and now and then. */
  renew(): void {
    if (this.#manager === null || this.#guard === null) return;
    const status = statusText(this.#guard.counts, this.#problem);
    if (status === this.#status) this.#manager.retry();
    else this.#manager.status(status);
    this.#status = status;
  }

  /**
   * The configuration is read again.
   * @returns to be called when that is over, with the reason why the running configuration stays, or null
   */
  reloading(): (problem: string | null) => void {
    const reload = ++this.#reloads;
    this.#manager?.reloading("reading the configuration again");
    return (problem) => {
      this.#problem = problem;
      // Another one may have begun meanwhile.
      if (reload === this.#reloads) this.#ready();
    };
  }

  /** The guard ends. @param why a signal, or what is broken */
  stopping(why: string): void {
    this.#isStopping = true;
    this.#watchdog?.stop();
    this.#guard = null;
    this.#manager?.stopping(why);
  }

  /** Leaves what still waits to be told. */
  async close(): Promise<void> {
    await this.#manager?.close();
  }

  #ready(): void {
    if (this.#manager === null || this.#guard === null) return;
    this.#status = statusText(this.#guard.counts, this.#problem);
    this.#manager.ready(this.#status);
  }

  #watch(manager: ServiceManager, guard: Guarding, timeoutMs: number): Watchdog {
    const key = "watchdog";
    return new Watchdog(timeoutMs, {
      clock: systemClock,
      ping: () => guard.ping(),
      beat: () => manager.watchdog(),
      onSilent: () =>
        this.#log.once(
          "sentinel-silent",
          key,
          "error",
          "the sentinel thread does not answer: systemd will restart oom-guard",
        ),
      onAnswer: () =>
        this.#log.resolved("sentinel-answers", key, "info", "the sentinel thread answers again"),
    });
  }
}

function openManager(address: string, log: Log): ServiceManager | null {
  const key = (errno: number) => `service manager ${errno}`;
  const failing = new Set<number>();
  const say = (error: SysError) =>
    log.once(
      "service-manager-unheard",
      key(error.errno),
      error.errno === EAGAIN ? "debug" : "warn",
      `the service manager cannot be told how the guard is: ${error.message}`,
    );
  try {
    const socket = new UnixDatagram(address);
    return new ServiceManager({
      send: (payload) => socket.send(payload),
      clock: systemClock,
      monotonicMicros,
      onTrouble: (errno) => {
        failing.add(errno);
        say(new SysError("sendto", errno, address));
      },
      onRecovered: () => {
        for (const errno of failing)
          log.resolved(
            "service-manager-unheard",
            key(errno),
            "debug",
            "the service manager can be told again",
          );
        failing.clear();
      },
    });
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    say(error);
    return null;
  }
}
