import { DatagramReceiver } from "./datagram-receiver.ts";
import { until } from "./until.ts";

/** A service manager that only listens: systemd's end of sd_notify(3). */
export class TestServiceManager {
  readonly address = `@oom-guard-manager-${process.pid}-${Math.random().toString(36).slice(2)}`;
  readonly #receiver = new DatagramReceiver(this.address);
  readonly #received: string[] = [];

  /** What the guard is started with. */
  environment(watchdogMs?: number): Record<string, string> {
    const watchdog = watchdogMs === undefined ? null : { WATCHDOG_USEC: String(watchdogMs * 1000) };
    return { NOTIFY_SOCKET: this.address, ...watchdog };
  }

  /** Every message until now, oldest first. */
  get messages(): readonly string[] {
    this.#received.push(...this.#receiver.take().map(String));
    return this.#received;
  }

  /** How many beats of the watchdog there were. */
  get beats(): number {
    return this.messages.filter((message) => message === "WATCHDOG=1").length;
  }

  /** The messages but for beats. */
  get phases(): string[] {
    return this.messages.filter((message) => message !== "WATCHDOG=1");
  }

  /** Forgets what came. */
  clear(): void {
    void this.messages;
    this.#received.length = 0;
  }

  /** Waits for a message that has this in it. */
  async hears(part: string): Promise<string> {
    let found: string | undefined;
    await until(`the service manager hears ${part}`, () => {
      found = this.messages.find((message) => message.includes(part));
      return found !== undefined;
    });
    return found!;
  }

  close(): void {
    this.#receiver.close();
  }
}
