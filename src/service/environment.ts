/** What the service manager that started this process wants to hear. */
export interface ServiceEnvironment {
  /** Where it listens: a path, or `@` and the name of an abstract address; null: nowhere. */
  readonly address: string | null;
  /** It ends this process when it has not heard of it for so long; null: it does not. */
  readonly watchdogMs: number | null;
  /** What was set and makes no sense, one sentence each. */
  readonly problems: readonly string[];
}

const VARIABLES = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] as const;
// USEC_INFINITY, systemd's word for "never".
const NEVER_USEC = 2n ** 64n - 1n;

/**
 * Reads what sd_notify(3) and sd_watchdog_enabled(3) read, and removes it: it is about this process, not about its
 * children.
 */
export function takeServiceEnvironment(
  env: Record<string, string | undefined>,
  pid: number,
): ServiceEnvironment {
  const [socket, usec, watchdogPid] = VARIABLES.map((name) => env[name]);
  for (const name of VARIABLES) delete env[name];
  const problems: string[] = [];
  const address = readAddress(socket, problems);
  return {
    address,
    watchdogMs: address === null ? null : readWatchdog(usec, watchdogPid, pid, problems),
    problems,
  };
}

function readAddress(socket: string | undefined, problems: string[]): string | null {
  if (socket === undefined) return null;
  if (/^[/@]./.test(socket)) return socket;
  problems.push(
    `NOTIFY_SOCKET=${socket} is no path and no abstract address: the service manager hears nothing`,
  );
  return null;
}

function readWatchdog(
  usec: string | undefined,
  watchdogPid: string | undefined,
  pid: number,
  problems: string[],
): number | null {
  if (usec === undefined) return null;
  const micros = readNumber(usec);
  if (micros === null || micros === 0n || micros >= NEVER_USEC) {
    problems.push(`WATCHDOG_USEC=${usec} is no time: the watchdog gets no beats`);
    return null;
  }
  if (watchdogPid === undefined) return Number(micros) / 1000;
  const watched = readNumber(watchdogPid);
  if (watched === null || watched === 0n) {
    problems.push(`WATCHDOG_PID=${watchdogPid} is no process: the watchdog gets no beats`);
    return null;
  }
  // Meant for a parent of this process.
  return watched === BigInt(pid) ? Number(micros) / 1000 : null;
}

/** Decimal digits only, as systemd writes them; up to 20 of them, as 64 bits have. */
function readNumber(text: string): bigint | null {
  return /^\d{1,20}$/.test(text) ? BigInt(text) : null;
}
