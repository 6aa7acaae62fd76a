import type { Clock } from "../clock.ts";
import type { Policy } from "../config/config.ts";
import type { RuleFacts } from "../config/rules.ts";
import type { KernelKill } from "../kernel-log/kernel-kill.ts";
import type { Incident } from "../record/incident.ts";
import { type DeathFacts, deathIncident } from "./death-incident.ts";
import { type Counted, type Death, KernelKillMatcher, placeOf } from "./matcher.ts";
import { OwnKills } from "./own-kills.ts";
import type { Owner } from "./owners.ts";
import { scopeOf } from "./scope.ts";

/** What it needs of its surroundings. */
export interface KernelKillsPorts {
  readonly clock: Clock;
  /** Milliseconds since the epoch. */
  readonly wallNow: () => number;
  /** Microseconds by a clock that goes as that of the kernel's log does. */
  readonly bootMicros: () => number;
  /** Whose a cgroup is. */
  readonly owner: (cgroup: string) => Owner;
  readonly policy: (facts: RuleFacts) => Policy;
  /** Is the cgroup within the roots? */
  readonly isOurs: (cgroup: string) => boolean;
  /** The cgroup of a process that is just dying; null: it cannot be told. */
  readonly locate: (kill: KernelKill) => string | null;
  /** Does something in this container live on that was there so long ago? */
  readonly hasSurvivors: (container: string, dead: ReadonlySet<number>, agoMs: number) => boolean;
  readonly id: (kill: KernelKill) => string;
  /** Records an incident. @param slots where it is in the black box until it is stored */
  readonly record: (incident: Incident, slots: readonly number[]) => void;
  /** A place in the black box whose incident is recorded already. */
  readonly release: (slot: number) => void;
}

// What the log tells right after it was opened may have happened long before. Later on a kill is heard of within half a
// second, and what is more is the clock's doing: that of the log gains or loses seconds in weeks.
const HISTORY_MS = 2000;
const LIVE_MS = 1000;

/**
 * The kernel's own kills: hears of them from its log and from the sentinel, and records each as one incident, when it
 * is known what became of the container.
 */
export class KernelKills {
  readonly #ports: KernelKillsPorts;
  readonly #matcher = new KernelKillMatcher();
  readonly #own = new OwnKills();
  readonly #bornMs: number;
  #cancel: () => void = () => undefined;

  constructor(ports: KernelKillsPorts) {
    this.#ports = ports;
    this.#bornMs = ports.clock.nowMs();
  }

  /** The kernel's log tells of one. */
  told(kill: KernelKill): void {
    const { clock, bootMicros, isOurs } = this.#ports;
    const nowMs = clock.nowMs();
    const ageMs = bootMicros() / 1000 - kill.bootMicros / 1000;
    const isHistory = nowMs - this.#bornMs < HISTORY_MS && ageMs >= LIVE_MS;
    const isPlausible = ageMs >= 0 && ageMs < LIVE_MS;
    const isPlaceless = kill.victimCgroup === null && kill.wholeCgroup === null;
    const victimCgroup = isPlaceless && !isHistory ? this.#ports.locate(kill) : kill.victimCgroup;
    const cgroup = kill.wholeCgroup ?? victimCgroup;
    // Some service that reached a limit of its own is none of the guard's business. The node's shortage is everybody's.
    if (kill.shortage === "cgroup" && cgroup !== null && !isOurs(cgroup)) return;
    const happenedMs = isHistory || isPlausible ? nowMs - ageMs : nowMs;
    this.#matcher.told({ ...kill, victimCgroup }, nowMs, happenedMs);
    this.#wait();
  }

  /** The sentinel tells of one. */
  counted(counted: Counted): void {
    const { clock, wallNow } = this.#ports;
    const nowMs = clock.nowMs();
    const happenedMs = nowMs - Math.max(0, wallNow() - counted.incident.timeMs);
    const isKept = this.#matcher.counted(counted, nowMs, happenedMs);
    if (!isKept && counted.slot !== null) this.#ports.release(counted.slot);
    this.#wait();
  }

  /** The guard has killed. @param pids all of them */
  struck(cgroup: string, pids: Iterable<number>): void {
    this.#own.struck(cgroup, pids, this.#ports.clock.nowMs());
  }

  /** The cgroup was removed. */
  forget(cgroup: string): void {
    this.#matcher.forget(cgroup, this.#ports.clock.nowMs());
  }

  /** The first record of the log whose kill is not recorded yet; null: all are. */
  firstWaiting(): number | null {
    return this.#matcher.firstWaiting();
  }

  /**
   * Records what still waits, without waiting for what becomes of the containers.
   * @param isLogRead the log will tell the next process what it has not told by now
   * @returns whether everything is recorded: a kill that was counted alone stays in the black box for the next process
   */
  stop(isLogRead: boolean): boolean {
    this.#cancel();
    const { deaths, known } = this.#matcher.due(Number.POSITIVE_INFINITY);
    this.#releaseAll(known);
    const left = deaths.filter(
      ({ kills, counted }) => isLogRead && kills.length === 0 && slotsOf(counted).length > 0,
    );
    for (const death of deaths) if (!left.includes(death)) this.#record(death, true);
    return left.length === 0;
  }

  #wait(): void {
    this.#cancel();
    const waitMs = this.#matcher.nextMs() - this.#ports.clock.nowMs();
    if (waitMs === Number.POSITIVE_INFINITY) return;
    this.#cancel = this.#ports.clock.after(Math.max(0, waitMs), () => {
      const { deaths, known } = this.#matcher.due(this.#ports.clock.nowMs());
      this.#releaseAll(known);
      for (const death of deaths) this.#record(death, false);
      this.#wait();
    });
  }

  #record(death: Death, isHasty: boolean): void {
    const others = this.#withoutOwn(death);
    const facts = others === null ? null : this.#factsOf(others, isHasty);
    if (others === null || facts === null) this.#releaseAll(death.counted);
    else this.#ports.record(deathIncident(others, facts, this.#ports.id), slotsOf(death.counted));
  }

  #releaseAll(counted: readonly Counted[]): void {
    for (const slot of slotsOf(counted)) this.#ports.release(slot);
  }

  /** Null: the guard has told of all of it. */
  #withoutOwn(death: Death): Death | null {
    const { kills, happenedMs } = death;
    const place = placeOf(death);
    const others = kills.filter(({ victim }) => !this.#own.has(victim.pid, place, happenedMs));
    return kills.length > 0 && others.length === 0 ? null : { ...death, kills: others };
  }

  /** Null: the kill was in a cgroup that is none of ours, as none of ours has counted it. */
  #factsOf(death: Death, isHasty: boolean): DeathFacts | null {
    const { clock, wallNow, owner, policy, hasSurvivors } = this.#ports;
    const { kills, counted, happenedMs } = death;
    const [kill] = kills;
    const cgroup = placeOf(death);
    if (cgroup === null && kill?.shortage !== "node") return null;
    const agoMs = clock.nowMs() - happenedMs;
    const { identity, container } = owner(cgroup ?? "/");
    const limit = kill?.limitCgroup == null ? null : owner(kill.limitCgroup).identity;
    const dead = new Set(kills.map(({ victim }) => victim.pid));
    const silent = container === null ? null : hasSurvivors(container, dead, agoMs);
    return {
      identity,
      policy: policy({ ...identity, cgroup }),
      scope: kill === undefined ? null : scopeOf(kill, limit, identity),
      // They may be dying.
      silent: isHasty && silent ? null : silent,
      timeMs: counted[0]?.incident.timeMs ?? wallNow() - agoMs,
    };
  }
}

function slotsOf(counted: readonly Counted[]): number[] {
  return counted.flatMap(({ slot }) => (slot === null ? [] : [slot]));
}
