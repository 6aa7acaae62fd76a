import { MessageChannel, type MessagePort } from "node:worker_threads";
import { createEventfd, signalEventfd } from "../../ffi/eventfd.ts";
import type { FromSentinel, Rehearsal, Start, ToThread } from "./protocol.ts";
import { sharedSkips } from "./skips.ts";
import { Stage } from "./stage.ts";

/** The main thread's end of the sentinel. */
export class SentinelHandle {
  /** How often nobody was killed, by the reason's place in SKIP_REASONS. The thread counts on. */
  readonly skips = sharedSkips();
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #controlFd: number;
  readonly #started = Promise.withResolvers<void>();
  readonly #pings = new Map<number, (answered: boolean) => void>();
  #serial = 0;
  #unsent: ToThread[] = [];
  #isDead = false;
  #onStopped: () => void = () => undefined;
  #onRehearsed: (isDone: boolean) => void = () => undefined;

  private constructor(worker: Worker, port: MessagePort, controlFd: number) {
    this.#worker = worker;
    this.#port = port;
    this.#controlFd = controlFd;
    // It may fail before anybody waits for it.
    this.#started.promise.catch(() => undefined);
  }

  /**
   * Starts the thread. What is sent until it is `ready` waits.
   * @param onMessage everything it tells from then on
   * @param onDeath it ended without being told to: nobody guards any more
   */
  static spawn(
    url: string,
    start: Omit<Start, "type" | "controlFd" | "skips">,
    onMessage: (message: FromSentinel) => void,
    onDeath: (reason: string) => void,
  ): SentinelHandle {
    const controlFd = createEventfd();
    const { port1, port2 } = new MessageChannel();
    const worker = new Worker(url);
    const handle = new SentinelHandle(worker, port1, controlFd);
    let isReady = false;
    const failed = (reason: string) => {
      handle.#died();
      if (isReady) onDeath(reason);
      else handle.#started.reject(new Error(`the sentinel thread did not start: ${reason}`));
    };
    worker.onmessage = ({ data }: MessageEvent<FromSentinel>) => {
      if (data.type === "ready") {
        isReady = true;
        handle.#started.resolve();
      } else if (data.type === "stopped") handle.#onStopped();
      else if (data.type === "rehearsed") handle.#onRehearsed(true);
      else if (data.type === "failed") failed(data.reason);
      else if (data.type === "pong") handle.#answered(data.serial);
      else onMessage(data);
    };
    // It could not even be loaded.
    worker.onerror = (event) => failed(event.message);
    const { skips } = handle;
    const message: Start & { port: MessagePort } = {
      type: "start",
      controlFd,
      skips,
      port: port2,
      ...start,
    };
    worker.postMessage(message, [port2]);
    return handle;
  }

  /** Resolves when the thread guards what it is told to; rejects when it ends before that. */
  get ready(): Promise<void> {
    return this.#started.promise;
  }

  /** It has ended without being told to. */
  get isDead(): boolean {
    return this.#isDead;
  }

  /**
   * Leaves a message and wakes the thread: at once where a cgroup is to be guarded, otherwise when the caller is done, as
   * more may follow, and each time costs both threads some 60 us. Messages arrive in order.
   */
  send(message: ToThread): void {
    this.#unsent.push(message);
    if (message.type === "watch") this.#post();
    else if (this.#unsent.length === 1) queueMicrotask(() => this.#post());
  }

  /** Resolves when the thread has obeyed all messages until now: to true, or to false when it ends before that. */
  ping(): Promise<boolean> {
    if (this.#isDead) return Promise.resolve(false);
    const serial = ++this.#serial;
    return new Promise((resolve) => {
      this.#pings.set(serial, resolve);
      this.send({ type: "ping", serial });
    });
  }

  /**
   * Lets the thread rehearse while it has nothing else to do. Resolves when that is over: to false when the thread ends before.
   * Where no stage can be built nothing is rehearsed, and the first kill is a little slower.
   */
  async rehearse(rehearsal: Rehearsal): Promise<boolean> {
    const stage = Stage.build();
    if (stage === null) return true;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#onRehearsed = resolve;
    this.send({ type: "rehearse", rehearsal, stage: stage.folder });
    const isDone = await promise;
    stage.remove();
    return isDone;
  }

  /** Tells the thread to give back its descriptors and end. @returns whether it answered in time */
  stop(timeoutMs: number): Promise<boolean> {
    if (this.#isDead) return Promise.resolve(false);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), timeoutMs);
      this.#onStopped = () => {
        clearTimeout(timer);
        this.#close();
        resolve(true);
      };
      this.send({ type: "stop" });
    });
  }

  #post(): void {
    if (this.#unsent.length === 0) return;
    this.#port.postMessage(this.#unsent);
    this.#unsent = [];
    signalEventfd(this.#controlFd);
  }

  #close(): void {
    this.#onRehearsed(false);
    this.#port.close();
    this.#worker.terminate();
  }

  #answered(serial: number): void {
    this.#pings.get(serial)?.(true);
    this.#pings.delete(serial);
  }

  #died(): void {
    this.#isDead = true;
    this.#close();
    for (const resolve of this.#pings.values()) resolve(false);
    this.#pings.clear();
  }
}
