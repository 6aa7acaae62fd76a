import type { Config } from "../../config/config.ts";
import { parseListen } from "../../config/listen.ts";
import type { Incident } from "../../record/incident.ts";
import type { Log } from "../log.ts";
import { Departed } from "./departed.ts";
import { Endpoint } from "./endpoint.ts";
import { Exposition } from "./exposition.ts";
import type { MetricSources } from "./sources.ts";
import { TextFile } from "./text-file.ts";

const FORGET_EVERY_MS = 60_000;

/**
 * The guard's metrics: served, written to a file, both or neither. What incidents add up to is in their store, counted
 * whether anybody reads it or not; everything else begins with the process, or when metrics are switched on, as
 * Prometheus expects of counters.
 */
export class Metrics {
  readonly #sources: MetricSources;
  readonly #endpoint: Endpoint;
  readonly #textFile: TextFile;
  readonly #departed = new Departed();
  #exposition: Exposition | null = null;
  #pending: Promise<void> = Promise.resolve();
  #forgetAtMs = 0;

  constructor(sources: MetricSources, log: Log) {
    this.#sources = sources;
    this.#endpoint = new Endpoint(log);
    this.#textFile = new TextFile(async () => (await this.#text()).guard, log);
  }

  /** Takes over a configuration; what it changes is in force when `settled` resolves. */
  configure({ listen, textfile }: Config["metrics"]): void {
    this.#pending = this.#pending.then(() => this.#configure(listen, textfile));
  }

  /** Resolves when the last configuration is in force. */
  settled(): Promise<void> {
    return this.#pending;
  }

  /** An incident was recorded. */
  recorded({ kind, decideMicros }: Incident): void {
    if (kind === "kill" && decideMicros !== null) this.#exposition?.set.decided(decideMicros / 1e6);
  }

  /** A reclaim is over. */
  reclaimed(bytes: number): void {
    this.#exposition?.set.reclaimed(bytes);
  }

  /** To be called now and then, once a second while `isWaiting`. @param nowMs of a clock that never goes back */
  tick(nowMs: number): void {
    this.#endpoint.retry();
    void this.#textFile.tick(nowMs);
    if (nowMs < this.#forgetAtMs) return;
    this.#forgetAtMs = nowMs + FORGET_EVERY_MS;
    const departed = this.#departed.find(this.#sources.counters(), this.#sources.cgroups(), nowMs);
    if (departed.length > 0) this.#sources.forgetCounters(departed);
  }

  /** Is there something to write, or to try again? */
  get isWaiting(): boolean {
    return this.#textFile.isOn || this.#endpoint.isShut;
  }

  /** Serves and writes no more. */
  async stop(): Promise<void> {
    await this.#pending;
    await Promise.all([this.#endpoint.stop(), this.#textFile.stop()]);
  }

  async #configure(listen: string, textfile: string): Promise<void> {
    const isWanted = listen !== "off" || textfile !== "off";
    if (isWanted) this.#exposition ??= await Exposition.load(this.#sources);
    const address = listen === "off" ? null : parseListen(listen);
    // The configuration is checked when it is read.
    if (address !== null && !address.ok) throw new TypeError(address.message);
    await this.#endpoint.serve(
      {
        contentType: this.#exposition?.contentType ?? "",
        body: async () => {
          const { guard, process } = await this.#text();
          return `${guard}\n${process}`;
        },
      },
      address?.value ?? null,
    );
    await this.#textFile.write(textfile === "off" ? null : textfile);
    void this.#textFile.tick(performance.now());
  }

  #text() {
    return this.#exposition!.text(performance.now());
  }
}
