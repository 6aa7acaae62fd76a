import { EAGAIN } from "../../ffi/errno.ts";
import { backoffMs } from "../backoff.ts";
import type { Clock } from "../clock.ts";
import { datagramOf, statusAssignment } from "./message.ts";

type Topic = "ready" | "reloading" | "stopping" | "status" | "watchdog";

/** What the messages go through. */
export interface ServiceManagerPorts {
  /** Leaves a datagram. @returns 0 or -errno, see `UnixDatagram` */
  readonly send: (payload: Uint8Array<ArrayBuffer>) => number;
  readonly clock: Clock;
  /** Microseconds of CLOCK_MONOTONIC. */
  readonly monotonicMicros: () => number;
  /** A message could not be left. @param errno EAGAIN: the manager is behind */
  readonly onTrouble: (errno: number) => void;
  /** All that waited has been left. */
  readonly onRecovered: () => void;
}

const RETRY_FIRST_MS = 20;
const RETRY_CAP_MS = 1000;
const CLOSE_PATIENCE_MS = 200;

/**
 * Tells the service manager where the process is in its life (sd_notify(3)). Nothing is lost because its queue is full
 * (PID 1 is busy): of each kind of message the newest waits, in the order in which they were told. What fails for
 * another reason waits for the next message, or `retry`.
 */
export class ServiceManager {
  readonly #ports: ServiceManagerPorts;
  readonly #waiting = new Map<Topic, Uint8Array<ArrayBuffer>>();
  #cancelRetry: () => void = () => undefined;
  #failures = 0;
  #isStopping = false;

  constructor(ports: ServiceManagerPorts) {
    this.#ports = ports;
  }

  /** The start, or a reload, is over. */
  ready(status: string): void {
    this.#tellPhase("ready", "READY=1", statusAssignment(status));
  }

  /** The configuration is being read again. The time tells this reload from one before (Type=notify-reload, systemd 253). */
  reloading(status: string): void {
    const time = `MONOTONIC_USEC=${this.#ports.monotonicMicros()}`;
    this.#tellPhase("reloading", "RELOADING=1", time, statusAssignment(status));
  }

  /** The end has begun: it is told once, and neither `ready` nor `reloading` any more. */
  stopping(status: string): void {
    if (this.#isStopping) return;
    this.#waiting.clear();
    this.#tellPhase("stopping", "STOPPING=1", statusAssignment(status));
    this.#isStopping = true;
  }

  status(text: string): void {
    this.#tell("status", statusAssignment(text));
  }

  /** The process is well. */
  watchdog(): void {
    this.#tell("watchdog", "WATCHDOG=1");
  }

  /** Tries again what could not be left. */
  retry(): void {
    if (this.#waiting.size > 0) this.#send();
  }

  /** Tries a last time, for a moment, if the manager is only behind. */
  async close(): Promise<void> {
    const { clock } = this.#ports;
    const untilMs = clock.nowMs() + CLOSE_PATIENCE_MS;
    this.retry();
    while (this.#waiting.size > 0 && clock.nowMs() < untilMs) {
      this.#cancelRetry();
      await new Promise<void>((resolve) => clock.after(RETRY_FIRST_MS, resolve));
      this.#send();
    }
    this.#cancelRetry();
  }

  #tellPhase(topic: Topic, ...assignments: readonly string[]): void {
    if (this.#isStopping) return;
    // It has a newer one.
    this.#waiting.delete("status");
    this.#tell(topic, ...assignments);
  }

  #tell(topic: Topic, ...assignments: readonly string[]): void {
    this.#waiting.delete(topic);
    this.#waiting.set(topic, datagramOf(...assignments));
    this.#send();
  }

  #send(): void {
    this.#cancelRetry();
    for (const [topic, payload] of this.#waiting) {
      const result = this.#ports.send(payload);
      if (result < 0) {
        this.#failed(-result);
        return;
      }
      this.#waiting.delete(topic);
    }
    if (this.#failures > 0) this.#ports.onRecovered();
    this.#failures = 0;
  }

  #failed(errno: number): void {
    this.#ports.onTrouble(errno);
    const delayMs = backoffMs(this.#failures++, RETRY_FIRST_MS, RETRY_CAP_MS, 0);
    if (errno === EAGAIN) this.#cancelRetry = this.#ports.clock.after(delayMs, () => this.#send());
  }
}
