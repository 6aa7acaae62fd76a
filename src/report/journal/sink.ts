import { backoffMs } from "../../backoff.ts";
import { type LogSink, lostEntries } from "../sink.ts";
import { Backlog, type Waiting } from "./backlog.ts";
import { journalEntry, lateEntry } from "./entry.ts";
import type { Journal } from "./target.ts";

// A full queue is empty again in some milliseconds, a restart of journald takes a second or so.
const FIRST_RETRY_MS = 20;
const MAX_RETRY_MS = 1000;
const LAST_TRY_MS = 100;
const LAST_TRY_EVERY_MS = 10;

/**
 * Sends entries to the journal, in order. What it does not take now waits, and is tried again before each new entry and
 * by a timer that runs only while something waits.
 * @param lines takes what the journal refuses
 */
export function journalSink(journal: Journal, lines: LogSink): LogSink {
  const backlog = new Backlog();
  let timer: Timer | null = null;
  let attempt = 0;
  let isClosed = false;

  /** @returns false when it is to be tried again */
  const deliver = ({ entry, bytes }: Waiting): boolean => {
    const delivery = journal.send(bytes);
    if (delivery === "refused") lines.take(entry);
    // It reads: what is left after a full queue, of ten entries on an old kernel, does not wait for a second.
    if (delivery !== "later") attempt = 0;
    return delivery !== "later";
  };

  /** Sends what waits. @returns whether nothing waits any more */
  const flush = (): boolean => {
    if (backlog.lost > 0) {
      const lost = lostEntries(backlog.lost, new Date());
      if (!deliver({ entry: lost, bytes: journalEntry(lost) })) return false;
      backlog.forgetLost();
    }
    for (let first = backlog.first; first !== undefined; first = backlog.first) {
      if (!deliver(first)) return false;
      backlog.removeFirst();
    }
    return true;
  };

  const retryLater = () => {
    if (timer !== null) return;
    const waitMs = backoffMs(attempt++, FIRST_RETRY_MS, MAX_RETRY_MS, 0);
    timer = setTimeout(() => {
      timer = null;
      if (!flush()) retryLater();
    }, waitMs);
    // A process with nothing else to do ends: `close` gives what waits its last try.
    timer.unref();
  };

  return {
    take(entry) {
      if (isClosed) return lines.take(entry);
      const bytes = journalEntry(entry);
      if (flush() && deliver({ entry, bytes })) return;
      backlog.add({ entry, bytes: lateEntry(bytes, entry.time) });
      retryLater();
    },
    async close() {
      const untilMs = performance.now() + LAST_TRY_MS;
      while (!flush() && performance.now() < untilMs) await Bun.sleep(LAST_TRY_EVERY_MS);
      if (timer !== null) clearTimeout(timer);
      isClosed = true;
      journal.close();
      // systemd keeps what journald has not read of a service's standard error, also while that is restarted.
      if (backlog.lost > 0) lines.take(lostEntries(backlog.lost, new Date()));
      for (let first = backlog.first; first !== undefined; first = backlog.first) {
        lines.take(first.entry);
        backlog.removeFirst();
      }
      await lines.close();
    },
  };
}
