import type { Registry } from "prom-client";

/**
 * The three metrics of a process by their usual names. Not prom-client's own collection, which starts a monitor of the
 * event loop. Apart from the others, because node_exporter tells the same of itself: in a file of its textfile
 * collector these would be duplicates, for which it answers no scrape at all any more.
 */
export function processMetrics({ Counter, Gauge, Registry }: typeof import("prom-client")): Registry {
  const registry = new Registry();
  const registers = [registry];
  new Gauge({
    name: "process_resident_memory_bytes",
    help: "Resident memory of oom-guard.",
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  new Counter({
    name: "process_cpu_seconds_total",
    help: "CPU time that oom-guard has used.",
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  new Gauge({
    name: "process_start_time_seconds",
    help: "When oom-guard was started, in seconds since the epoch.",
    registers,
  }).set(performance.timeOrigin / 1000);
  return registry;
}
