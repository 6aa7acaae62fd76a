import type { Registry } from "prom-client";
import packageFile from "../../../package.json" with { type: "json" };
import { MetricSet } from "./metric-set.ts";
import { processMetrics } from "./process-metrics.ts";
import { Pulse } from "./pulse.ts";
import type { MetricSources } from "./sources.ts";

/** How long a text is good for: whoever asks more often gets the same one, so that nobody can keep the guard busy. */
const FRESH_MS = 1000;

/** The metrics as text, in the format of Prometheus. */
export interface MetricsText {
  /** Everything about the guard. */
  readonly guard: string;
  /** About its process. */
  readonly process: string;
}

/** Makes the metrics' text when somebody wants it. */
export class Exposition {
  readonly set: MetricSet;
  readonly contentType: string;
  readonly #process: Registry;
  readonly #pulse: Pulse;
  #made: { readonly atMs: number; readonly text: Promise<MetricsText> } | null = null;

  private constructor(prom: typeof import("prom-client"), sources: MetricSources) {
    this.set = new MetricSet(prom, packageFile.version, sources);
    this.contentType = this.set.registry.contentType;
    this.#process = processMetrics(prom);
    this.#pulse = new Pulse(() => sources.pingSentinel());
  }

  /** Loads the library of metrics: its memory is paid for where metrics are wanted only. */
  static async load(sources: MetricSources): Promise<Exposition> {
    return new Exposition(await import("prom-client"), sources);
  }

  /** The text of this moment, or of the last second. */
  text(nowMs: number): Promise<MetricsText> {
    if (this.#made === null || nowMs - this.#made.atMs >= FRESH_MS)
      this.#made = { atMs: nowMs, text: this.#make() };
    return this.#made.text;
  }

  async #make(): Promise<MetricsText> {
    this.set.refresh(await this.#pulse.beats());
    return { guard: await this.set.registry.metrics(), process: await this.#process.metrics() };
  }
}
