import type { LogEntry } from "./log-line.ts";

/** Where log entries go. */
export interface LogSink {
  /** Takes an entry. Never throws, never waits long; what cannot be delivered is counted and said later. */
  take(entry: LogEntry): void;
  /** The process ends: gives what still waits a last try. Takes no longer than some 100 ms. */
  close(): Promise<void>;
}

/** What is said in the place of entries that are lost. */
export function lostEntries(lost: number, time: Date): LogEntry {
  return {
    time,
    level: "warn",
    kind: "log-lines-lost",
    message: `${lost} log line${lost === 1 ? " was" : "s were"} lost here`,
    fields: {},
  };
}
