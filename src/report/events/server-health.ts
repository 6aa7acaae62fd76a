import type { ApiError, ApiErrorKind } from "../../kubernetes/api-error.ts";
import { Pause } from "./pause.ts";

/** Requests at a time to a server that answers. */
export const MAX_IN_FLIGHT = 4;
export const SERVER_CAP_MS = 30_000;
export const SERIES_CAP_MS = 300_000;

/** The server as a whole is meant, whatever was asked. */
const OF_THE_SERVER: ReadonlySet<ApiErrorKind> = new Set([
  "unconfigured",
  "unreachable",
  "tls",
  "unauthorized",
  "throttled",
]);

/** What is known of a series that failed. */
interface Suspect {
  readonly pause: Pause;
  readonly sinceMs: number;
  /** The server worked for others since, and this still fails. */
  isCulprit: boolean;
}

/**
 * Tells a server that is down from a request that it cannot stand. While it is down, one request goes out after each
 * pause; a series that fails for itself waits for itself. A timeout or an error of the server may be either: it is taken
 * for the server's when a second series fails too, or for the series' when another one goes through.
 */
export class ServerHealth {
  readonly #random: () => number;
  readonly #server: Pause;
  readonly #suspects = new Map<number, Suspect>();
  #works = false;
  #pausedAtMs = Number.NEGATIVE_INFINITY;
  #workedAtMs = Number.NEGATIVE_INFINITY;
  #troubleSinceMs: number | null = null;

  /** @param random from 0 to 1 */
  constructor(random: () => number) {
    this.#random = random;
    this.#server = new Pause(random);
  }

  /** How many requests may be under way. */
  get slots(): number {
    return this.#works ? MAX_IN_FLIGHT : 1;
  }

  /** Did the last that was heard of the server speak against it? */
  get isTroubled(): boolean {
    return this.#troubleSinceMs !== null;
  }

  /** When the server may be asked again. */
  get pausedUntilMs(): number {
    return this.#server.untilMs;
  }

  /** When this series may be tried. */
  retryAtMs(series: number): number {
    return this.#suspects.get(series)?.pause.untilMs ?? Number.NEGATIVE_INFINITY;
  }

  /** How often this series failed: the fewer, the better it serves to find out whether the server works. */
  failuresOf(series: number): number {
    return this.#suspects.get(series)?.pause.failures ?? 0;
  }

  /** The server answered. @returns how long it had not; null: it had, as far as anyone knew */
  answered(series: number, nowMs: number): number | null {
    const suspect = this.#suspects.get(series);
    const sinceMs = this.#troubleSinceMs ?? (suspect?.isCulprit ? suspect.sinceMs : null);
    this.#troubleSinceMs = null;
    this.#suspects.delete(series);
    this.#works = true;
    this.#workedAtMs = nowMs;
    this.#server.end();
    for (const { pause, isCulprit } of this.#suspects.values()) if (!isCulprit) pause.lift();
    return sinceMs === null ? null : nowMs - sinceMs;
  }

  /** A request failed. @param startedMs when it began */
  failed(series: number, error: ApiError, startedMs: number, nowMs: number): void {
    const wishMs = error.retryAfterMs ?? 0;
    const isServers = OF_THE_SERVER.has(error.kind);
    // Also where the server is meant: so each probe of a dead server is another series' turn.
    const suspect = this.#suspect(series, nowMs);
    suspect.pause.failed(nowMs, suspect.isCulprit ? SERIES_CAP_MS : SERVER_CAP_MS, isServers ? 0 : wishMs);
    if (!suspect.isCulprit || isServers) this.#troubleSinceMs ??= nowMs;
    if (!isServers && !this.#isDown(suspect)) return;
    // Those that were under way together fail together: once is enough.
    if (startedMs <= this.#pausedAtMs) return;
    this.#works = false;
    this.#pausedAtMs = nowMs;
    this.#server.failed(nowMs, SERVER_CAP_MS, wishMs);
  }

  /** Forgets the series that do not wait any more. */
  keepOnly(series: ReadonlySet<number>): void {
    for (const id of this.#suspects.keys()) if (!series.has(id)) this.#suspects.delete(id);
  }

  /** One that failed for itself before says nothing about the server now. */
  #isDown({ isCulprit }: Suspect): boolean {
    if (isCulprit) return false;
    if (this.#server.failures > 0) return true;
    let innocent = 0;
    for (const suspect of this.#suspects.values()) if (!suspect.isCulprit) innocent++;
    return innocent > 1;
  }

  #suspect(series: number, nowMs: number): Suspect {
    const known = this.#suspects.get(series);
    if (known !== undefined) {
      known.isCulprit ||= this.#workedAtMs > known.sinceMs;
      return known;
    }
    const suspect = { pause: new Pause(this.#random), sinceMs: nowMs, isCulprit: false };
    this.#suspects.set(series, suspect);
    return suspect;
  }
}
