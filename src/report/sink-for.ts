import { existsSync } from "node:fs";
import type { LogFormat } from "../config/config.ts";
import { journalSink } from "./journal/sink.ts";
import { JournalTarget } from "./journal/target.ts";
import { lineSink } from "./line-sink.ts";
import { journalLine, jsonLine, textLine } from "./log-line.ts";
import type { LogSink } from "./sink.ts";
import type { LogTarget } from "./stderr.ts";
import { wantsColor } from "./style.ts";

/** Where journald takes entries (systemd-journald.service(8)). */
export const JOURNAL_SOCKET = "/run/systemd/journal/socket";

/**
 * The sink of a format. `auto` is the journal where journald reads standard error anyway, else text. Where the journal
 * is wanted and takes no entries, it gets lines with a priority (sd-daemon(3)).
 * @param target standard error
 */
export function sinkFor(
  format: LogFormat,
  target: LogTarget,
  env: Readonly<Record<string, string | undefined>>,
  journalSocket: string,
): LogSink {
  if (format === "json") return lineSink(jsonLine, target);
  if (format === "journal" || (format === "auto" && target.isJournal)) {
    const lines = lineSink(journalLine, target);
    const journal = openJournal(journalSocket);
    return journal === null ? lines : journalSink(journal, lines);
  }
  const style = { color: wantsColor(target.isTty, env), timestamp: !target.isJournal };
  return lineSink((entry) => textLine(entry, style), target);
}

/** null: no journald here, or a sandbox that allows no sockets (RestrictAddressFamilies=). */
function openJournal(path: string): JournalTarget | null {
  if (!existsSync(path)) return null;
  try {
    return new JournalTarget(path);
  } catch {
    return null;
  }
}
