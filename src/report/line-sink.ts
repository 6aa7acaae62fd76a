import type { LogEntry } from "./log-line.ts";
import { type LogSink, lostEntries } from "./sink.ts";
import type { LogTarget } from "./stderr.ts";

/** Writes each entry as a line, and counts those that nobody took, to say so when lines go through again. */
export function lineSink(format: (entry: LogEntry) => string, target: LogTarget): LogSink {
  let lost = 0;
  return {
    take(entry) {
      if (lost > 0 && target.write(format(lostEntries(lost, entry.time)))) lost = 0;
      if (lost > 0 || !target.write(format(entry))) lost++;
    },
    close: async () => undefined,
  };
}
