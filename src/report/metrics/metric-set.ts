import type { Counter, Gauge, Histogram, Registry } from "prom-client";
import { SKIP_REASONS } from "../../decide/skip.ts";
import type { Counter as Counted, CounterName } from "../../record/incident-counts.ts";
import { containerSeries } from "./containers.ts";
import { nameLabels } from "./labels.ts";
import type { MetricSources } from "./sources.ts";

type Prom = typeof import("prom-client");

const WHOSE = ["namespace", "pod", "container"] as const;

// A kill takes 0.15 to 0.3 ms; a leak of 1.8 GB/s leaves 11 ms from a threshold to a limit of 1 GB.
const DECIDE_BUCKETS_SECONDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
] as const;

const gaugeHelp = {
  watched_cgroups: "Cgroups that are armed: oom-guard acts when they come to their threshold.",
  unarmed_cgroups: "Cgroups with a limit inside the roots that should be armed, but are not.",
  sentinel_up: "Whether the thread that kills answers (1), or not within a second (0).",
  store_up: "Whether incidents can be stored (1), or are kept in memory only (0).",
  kernel_log_up: "Whether the kernel's log is read (1): without it not every kill by the kernel is seen.",
  node_memory_total_bytes: "Memory of the node.",
  node_memory_available_bytes:
    "Memory of the node that is no working set: what kubelet compares with its eviction thresholds.",
  outbox_events: "Kubernetes Events that are not sent yet.",
  outbox_oldest_seconds: "Age of the oldest incident whose Kubernetes Event is not sent yet; 0 without one.",
};

const containerHelp = {
  limit_bytes: "Memory limit of the container.",
  usage_bytes: "What the kernel counts against the limit, page cache included.",
  working_set_bytes: "Memory of the container without inactive file cache, as kubelet counts it.",
  threshold_bytes: "At this usage oom-guard acts, unless memory can be reclaimed.",
  request_bytes: "What the container's spec requests, where the API server told it.",
};

const incidentHelp: Readonly<Record<CounterName, readonly [help: string, apart: string | null]>> = {
  kills: ["Kills by oom-guard.", "policy"],
  would_kills: ["Kills that oom-guard would have made where its policy is noop.", null],
  stuck: ["Kills by oom-guard after which a process went on living.", null],
  kernel_oom_kills: [
    "Kills by the kernel's OOM killer, by whose memory ran out: that of the container, the pod or the node.",
    "scope",
  ],
  silent_oom_kills: [
    "Those kills by the kernel's OOM killer that the container outlived, so that Kubernetes does not tell.",
    "scope",
  ],
};

/** Everything about the guard as metrics, without those of its process. */
export class MetricSet {
  readonly registry: Registry;
  readonly #sources: MetricSources;
  readonly #gauges: Readonly<Record<keyof typeof gaugeHelp, Gauge>>;
  readonly #containers: Readonly<Record<keyof typeof containerHelp, Gauge>>;
  readonly #incidents: Readonly<Record<CounterName, Counter>>;
  readonly #skips: Counter;
  readonly #decide: Histogram;
  readonly #reclaims: Counter;
  readonly #reclaimedBytes: Counter;

  /** @param version of oom-guard */
  constructor({ Counter, Gauge, Histogram, Registry }: Prom, version: string, sources: MetricSources) {
    const registers = [new Registry()];
    [this.registry] = registers as [Registry];
    this.#sources = sources;
    const metric = (name: string, help: string, labelNames: readonly string[] = []) => ({
      name: `oom_guard_${name}`,
      help,
      labelNames,
      registers,
    });
    new Gauge(metric("build_info", "Which oom-guard this is: always 1.", ["version"])).set({ version }, 1);
    this.#gauges = mapValues(gaugeHelp, (help, name) => new Gauge(metric(name, help)));
    this.#incidents = mapValues(
      incidentHelp,
      ([help, apart], name) =>
        new Counter(metric(`${name}_total`, help, apart === null ? WHOSE : [apart, ...WHOSE])),
    );
    this.#skips = new Counter(
      metric("skips_total", "Times a cgroup was at its threshold and nobody was killed.", ["reason"]),
    );
    this.#reclaims = new Counter(
      metric("reclaims_total", "Page caches that were dropped before a threshold."),
    );
    this.#reclaimedBytes = new Counter(
      metric("reclaimed_bytes_total", "Page cache that was dropped by that."),
    );
    this.#decide = new Histogram({
      ...metric("decide_seconds", "From the kernel's notification to the last SIGKILL of a kill."),
      buckets: [...DECIDE_BUCKETS_SECONDS],
    });
    this.#containers = mapValues(
      containerHelp,
      (help, name) => new Gauge(metric(`container_${name}`, help, WHOSE)),
    );
  }

  /** A kill took so long, from waking up to the last SIGKILL. */
  decided(seconds: number): void {
    this.#decide.observe(seconds);
  }

  /** A reclaim is over. */
  reclaimed(bytes: number): void {
    this.#reclaims.inc();
    this.#reclaimedBytes.inc(bytes);
  }

  /** Brings everything up to date. */
  refresh(isSentinelUp: boolean): void {
    this.#refreshGuard(isSentinelUp);
    this.#refreshContainers();
    for (const counter of Object.values(this.#incidents)) counter.reset();
    for (const counter of this.#sources.counters()) this.#count(counter);
    this.#skips.reset();
    for (const [index, reason] of SKIP_REASONS.entries())
      this.#skips.inc({ reason }, this.#sources.skips[index]!);
  }

  #refreshGuard(isSentinelUp: boolean): void {
    const sources = this.#sources;
    const states = Array.from(sources.cgroups(), ({ state }) => state);
    const outbox = sources.outbox();
    const { totalBytes, availableBytes } = sources.nodeMemory();
    const age = (ms: number | null) => (ms === null ? 0 : Math.max(0, Date.now() - ms) / 1000);
    const gauges = this.#gauges;
    gauges.watched_cgroups.set(states.filter((state) => state === "armed").length);
    gauges.unarmed_cgroups.set(states.filter((state) => state === "unarmed").length);
    gauges.sentinel_up.set(Number(isSentinelUp));
    gauges.store_up.set(Number(sources.isStoring()));
    gauges.kernel_log_up.set(Number(sources.isKernelLogRead()));
    setKnown(gauges.outbox_events, outbox?.events ?? null);
    setKnown(gauges.outbox_oldest_seconds, outbox === null ? null : age(outbox.oldestMs));
    setKnown(gauges.node_memory_total_bytes, totalBytes);
    setKnown(gauges.node_memory_available_bytes, availableBytes);
  }

  #refreshContainers(): void {
    const gauges = this.#containers;
    for (const gauge of Object.values(gauges)) gauge.reset();
    for (const { labels, of } of containerSeries(this.#sources.cgroups())) {
      const usage = this.#sources.usageOf(of.cgroup);
      if (usage === null) continue;
      const series = { ...labels };
      gauges.limit_bytes.set(series, of.limitBytes);
      gauges.threshold_bytes.set(series, of.thresholdBytes);
      gauges.usage_bytes.set(series, usage.usageBytes);
      gauges.working_set_bytes.set(series, usage.workingSetBytes);
      const requestBytes = this.#sources.requestBytes(of.identity);
      if (requestBytes !== null) gauges.request_bytes.set(series, requestBytes);
    }
  }

  #count({ name, labels, value }: Counted): void {
    this.#incidents[name].inc({ ...labels, ...nameLabels(labels) }, value);
  }
}

/** A gauge without a value is not there, so that nobody takes an old value, or 0, for what is true. */
function setKnown(gauge: Gauge, value: number | null): void {
  if (value === null) gauge.remove();
  else gauge.set(value);
}

function mapValues<K extends string, V, R>(
  from: Readonly<Record<K, V>>,
  make: (value: V, key: K) => R,
): Record<K, R> {
  const entries = Object.entries<V>(from).map(([key, value]) => [key, make(value, key as K)]);
  return Object.fromEntries(entries) as Record<K, R>;
}
