import { type ConsolaReporter, createConsola, type LogType } from "consola/core";
import type { LogFormat, LogLevel } from "../config/config.ts";
import { journalLine, jsonLine, type LogEntry, type LogFields, textLine } from "./log-line.ts";
import { type LogTarget, stderrTarget } from "./stderr.ts";
import { wantsColor } from "./style.ts";

/** What the daemon says. Messages and fields may hold untrusted text: every format makes them printable. */
export interface Log {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  /** Says a thing once per cause, until `resolved` is told that the cause is gone. */
  once(key: string, level: LogLevel, message: string, fields?: LogFields): void;
  /** The cause is gone: says so if it had been said, and lets `once` speak again. */
  resolved(key: string, level: LogLevel, message: string): void;
  setLevel(level: LogLevel): void;
}

/** How and where to log. */
export interface LogOptions {
  readonly format: LogFormat;
  readonly level: LogLevel;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly target?: LogTarget;
}

/** Causes remembered at once. A node has some hundred containers; beyond this the oldest may be said again. */
const MAX_CAUSES = 1024;
/** Consola's numbers. */
const LEVELS: Record<LogLevel, number> = { error: 0, warn: 1, info: 3, debug: 4 };

/** The daemon's log, on standard error. */
export function createLog(options: LogOptions): Log {
  const env = options.env ?? process.env;
  const target = options.target ?? stderrTarget(env);
  // Consola's own throttle would hold back the sixth of equal messages behind a timer: `once` does that, by cause.
  const consola = createConsola({
    level: LEVELS[options.level],
    throttle: 0,
    reporters: [reporterFor(formatter(options.format, target, env), target)],
  });
  const say = (level: LogLevel, message: string, fields: LogFields = {}) => consola[level](message, fields);
  const causes = new Set<string>();

  return {
    error: (message, fields) => say("error", message, fields),
    warn: (message, fields) => say("warn", message, fields),
    info: (message, fields) => say("info", message, fields),
    debug: (message, fields) => say("debug", message, fields),
    once(key, level, message, fields) {
      if (causes.has(key)) return;
      for (const oldest of causes) {
        if (causes.size < MAX_CAUSES) break;
        causes.delete(oldest);
      }
      causes.add(key);
      say(level, message, fields);
    },
    resolved(key, level, message) {
      if (causes.delete(key)) say(level, message);
    },
    setLevel(level) {
      consola.level = LEVELS[level];
    },
  };
}

function formatter(
  format: LogFormat,
  target: LogTarget,
  env: Readonly<Record<string, string | undefined>>,
): (entry: LogEntry) => string {
  if (format === "json") return jsonLine;
  if (format === "journal" || (format === "auto" && target.isJournal)) return journalLine;
  const style = { color: wantsColor(target.isTty, env), timestamp: !target.isJournal };
  return (entry) => textLine(entry, style);
}

/** Writes the entries, and counts those that nobody took, to say so when lines go through again. */
function reporterFor(format: (entry: LogEntry) => string, target: LogTarget): ConsolaReporter {
  let lost = 0;
  return {
    log({ date, type, args: [message, fields] }) {
      const entry = { time: date, level: levelOf(type), message: String(message), fields: fields ?? {} };
      if (lost > 0 && target.write(format({ ...entry, level: "warn", ...lostLines(lost) }))) lost = 0;
      if (lost > 0 || !target.write(format(entry))) lost++;
    },
  };
}

function lostLines(lost: number): Pick<LogEntry, "message" | "fields"> {
  return { message: `${lost} log line${lost === 1 ? " was" : "s were"} lost here`, fields: {} };
}

function levelOf(type: LogType): LogLevel {
  return type === "error" || type === "warn" || type === "debug" ? type : "info";
}
