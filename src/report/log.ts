import { type ConsolaReporter, createConsola, type LogType } from "consola/core";
import type { LogFormat, LogLevel } from "../config/config.ts";
import type { LogFields } from "./log-line.ts";
import type { MessageKind } from "./message-kind.ts";
import type { LogSink } from "./sink.ts";
import { JOURNAL_SOCKET, sinkFor } from "./sink-for.ts";
import { type LogTarget, stderrTarget } from "./stderr.ts";

/** What the daemon says. Messages and fields may hold untrusted text: every format makes what a person reads printable. */
export interface Log {
  error(kind: MessageKind, message: string, fields?: LogFields): void;
  warn(kind: MessageKind, message: string, fields?: LogFields): void;
  info(kind: MessageKind, message: string, fields?: LogFields): void;
  /** For whoever looks into a single node: of no kind that one would search for. */
  debug(message: string, fields?: LogFields): void;
  /** Says a thing once per cause, until `resolved` is told that the cause is gone. */
  once(kind: MessageKind, cause: string, level: LogLevel, message: string, fields?: LogFields): void;
  /** The cause is gone: says so if it had been said, and lets `once` speak again. @param kind of this message */
  resolved(kind: MessageKind, cause: string, level: LogLevel, message: string): void;
  setLevel(level: LogLevel): void;
  /** The process ends: what waits to be taken gets a last try, of some 100 ms. */
  close(): Promise<void>;
}

/** How and where to log. */
export interface LogOptions {
  readonly format: LogFormat;
  readonly level: LogLevel;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly target?: LogTarget;
  readonly journalSocket?: string;
}

/** Causes remembered at once. A node has some hundred containers; beyond this the oldest may be said again. */
const MAX_CAUSES = 1024;
/** Consola's numbers. */
const LEVELS: Record<LogLevel, number> = { error: 0, warn: 1, info: 3, debug: 4 };

/** The daemon's log: the journal, or standard error. */
export function createLog(options: LogOptions): Log {
  const { format, level: initialLevel, env = process.env, journalSocket = JOURNAL_SOCKET } = options;
  const sink = sinkFor(format, options.target ?? stderrTarget(env), env, journalSocket);
  // Consola's own throttle would hold back the sixth of equal messages behind a timer: `once` does that, by cause.
  const consola = createConsola({
    level: LEVELS[initialLevel],
    throttle: 0,
    reporters: [reporterFor(sink)],
  });
  const say = (level: LogLevel, kind: MessageKind | null, message: string, fields: LogFields = {}) =>
    consola[level](message, fields, kind);
  const causes = new Set<string>();

  return {
    error: (kind, message, fields) => say("error", kind, message, fields),
    warn: (kind, message, fields) => say("warn", kind, message, fields),
    info: (kind, message, fields) => say("info", kind, message, fields),
    debug: (message, fields) => say("debug", null, message, fields),
    once(kind, cause, level, message, fields) {
      if (causes.has(cause)) return;
      for (const oldest of causes) {
        if (causes.size < MAX_CAUSES) break;
        causes.delete(oldest);
      }
      causes.add(cause);
      say(level, kind, message, fields);
    },
    resolved(kind, cause, level, message) {
      if (causes.delete(cause)) say(level, kind, message);
    },
    setLevel(level) {
      consola.level = LEVELS[level];
    },
    close: () => sink.close(),
  };
}

function reporterFor(sink: LogSink): ConsolaReporter {
  return {
    log({ date, type, args: [message, fields, kind] }) {
      sink.take({ time: date, level: levelOf(type), kind, message: String(message), fields: fields ?? {} });
    },
  };
}

function levelOf(type: LogType): LogLevel {
  return type === "error" || type === "warn" || type === "debug" ? type : "info";
}
