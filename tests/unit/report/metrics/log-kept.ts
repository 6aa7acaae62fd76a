import type { Log } from "../../../../src/report/log.ts";

/** A log that keeps what it says as "level kind: message", with the memory of a real one for what was said. */
export function keptLog(): { readonly log: Log; readonly said: string[] } {
  const said: string[] = [];
  const causes = new Set<string>();
  const say = (level: string) => (kind: string, message: string) => said.push(`${level} ${kind}: ${message}`);
  const log: Log = {
    error: say("error"),
    warn: say("warn"),
    info: say("info"),
    debug: () => undefined,
    once(kind, cause, level, message) {
      if (!causes.has(cause)) say(level)(kind, message);
      causes.add(cause);
    },
    resolved(kind, cause, level, message) {
      if (causes.delete(cause)) say(level)(kind, message);
    },
    setLevel: () => undefined,
    close: () => Promise.resolve(),
  };
  return { log, said };
}
