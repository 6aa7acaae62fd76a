import type { KernelKill } from "../kernel-log/kernel-kill.ts";
import { isWithin } from "../proc/cgroup-path.ts";
import type { Incident } from "../record/incident.ts";
import { Tallies } from "./tallies.ts";

/** A kill by the kernel that the sentinel noticed. */
export interface Counted {
  /** Its cgroup is the victim's. Several victims: the cgroup died as one. */
  readonly incident: Incident;
  /** Where it is in the black box until it is recorded; null: nowhere. */
  readonly slot: number | null;
  /** The kernel's counter moved. false: this kernel has none, and only said that the cgroup was out of memory. */
  readonly isCount: boolean;
}

/** A kill by the kernel, as told by its log, by its counter, or by both. */
export interface Death {
  /** What the log told: of a cgroup that died as one, one for each process. None: only the counter told. */
  readonly kills: KernelKill[];
  readonly counted: Counted[];
  readonly happenedMs: number;
  /** When it was heard of; of a cgroup that dies as one, when its last process by now was. */
  heardMs: number;
}

/** What is to be done with those that have waited. */
export interface Due {
  readonly deaths: readonly Death[];
  /** Told elsewhere: nothing is to be done about them. */
  readonly known: readonly Counted[];
}

/** The cgroup that died, or the victim's; null: not told. */
export function placeOf({
  kills: [kill],
  counted: [counted],
}: Pick<Death, "kills" | "counted">): string | null {
  return kill?.wholeCgroup ?? kill?.victimCgroup ?? counted?.incident.cgroup ?? null;
}

/**
 * How long a kill waits before it is recorded: for the other source to tell of it too, and for the container to die of
 * it. Both sources are there within milliseconds on an idle machine, within 50 ms where the console is slow.
 */
export const WAIT_MS = 1500;
/** So long after a cgroup was removed, or died as one, the sentinel may still tell of kills in it. */
const LAST_WORDS_MS = 5000;
/** So long after a kill was recorded by its counter alone the log may still tell of it. */
const LATE_LOG_MS = 60_000;
/** What the two sources tell within so much time may be the same kill, where no cgroup says that it is. */
const SAME_MOMENT_MS = 250;

/**
 * Makes one death of what two sources tell about it, in whatever order: the kernel's log, which knows the victim, and
 * the counter oom_kill of the victim's cgroup. Each line of the log stands for one step of the counter
 * (__oom_kill_process(), mm/oom_kill.c), so what one source has told and the other has not is kept as a number for
 * each cgroup. That number has no time limit while the cgroup lives: on v1 a kill for the node's shortage moves the
 * counter without a notification, and the sentinel finds it at the next one, perhaps days later.
 */
export class KernelKillMatcher {
  #pending: Death[] = [];
  /** Told by the log, not counted yet. */
  readonly #told = new Tallies();
  /** Recorded as counted, not told by the log yet. */
  readonly #recorded = new Tallies();
  /** Recorded for the node without a cgroup, not counted yet. */
  #placeless = 0;
  /** What the log told of late: where, and whether the cgroup died as one. */
  #lastTold: { readonly cgroup: string; readonly isWhole: boolean; readonly heardMs: number }[] = [];

  /** The log tells of a kill. */
  told(kill: KernelKill, nowMs: number, happenedMs = nowMs): void {
    this.#remember(kill, nowMs);
    const news = { kills: [kill], counted: [], happenedMs, heardMs: nowMs };
    if (kill.wholeCgroup !== null) this.#toldOfWhole(news, kill, kill.wholeCgroup);
    else if (kill.victimCgroup === null) this.#pending.push(news);
    else this.#toldOfOne(news, kill, kill.victimCgroup);
  }

  /** The sentinel tells of a kill. @returns false: the log has told of it, and that is recorded by now */
  counted(counted: Counted, nowMs: number, happenedMs = nowMs): boolean {
    const { cgroup } = counted.incident;
    if (!this.#isTold(counted, nowMs)) {
      this.#pending.push({ kills: [], counted: [counted], happenedMs, heardMs: nowMs });
      return true;
    }
    const deaths = this.#pending.filter(({ kills }) => kills.some((kill) => isOf(kill, cgroup)));
    const death = deaths.find((it) => it.counted.length === 0) ?? deaths[0];
    death?.counted.push(counted);
    return death !== undefined;
  }

  /** The cgroup was removed: the counter of the next one of its name starts anew. */
  forget(cgroup: string, nowMs: number): void {
    this.#told.expire(cgroup, nowMs + LAST_WORDS_MS);
  }

  /** When `due` has something to tell; Infinity while nothing waits. */
  nextMs(): number {
    return Math.min(...this.#pending.map(({ heardMs }) => heardMs)) + WAIT_MS;
  }

  /** The first record of the log whose kill still waits; null when none does. */
  firstWaiting(): number | null {
    const seqs = this.#pending.flatMap(({ kills }) => kills.map(({ seq }) => seq));
    return seqs.length === 0 ? null : Math.min(...seqs);
  }

  /** What has waited long enough, oldest first. @param nowMs Infinity: all of it */
  due(nowMs: number): Due {
    this.#place();
    const due = this.#pending.filter(({ heardMs }) => heardMs + WAIT_MS <= nowMs);
    this.#pending = this.#pending.filter((death) => !due.includes(death));
    const deaths = due.filter((death) => this.#isNews(death));
    return { deaths, known: due.filter((it) => !deaths.includes(it)).flatMap(({ counted }) => counted) };
  }

  #toldOfOne(news: Death, kill: KernelKill, cgroup: string): void {
    const counted = this.#pending.find((death) => isCountedAlone(death) && placeOf(death) === cgroup);
    if (counted !== undefined) counted.kills.push(kill);
    else if (!this.#recorded.take(cgroup, news.heardMs)) {
      this.#pending.push(news);
      this.#told.add(cgroup, Number.POSITIVE_INFINITY);
    }
  }

  /** Which of the cgroups in it they were in, and so which counters move, is not told. */
  #toldOfWhole(news: Death, kill: KernelKill, whole: string): void {
    const group = this.#pending.find(({ kills }) => kills.some((other) => diedTogether(other, kill)));
    const counted = this.#pending.filter((it) => isCountedAlone(it) && isWithin(placeOf(it) ?? "", whole));
    if (group === undefined) this.#pending.push(news);
    else {
      group.kills.push(kill);
      group.heardMs = news.heardMs;
    }
    for (const other of counted) this.#join(group ?? news, other);
  }

  #remember({ wholeCgroup, victimCgroup }: KernelKill, nowMs: number): void {
    const cgroup = wholeCgroup ?? victimCgroup;
    this.#lastTold = this.#lastTold.filter(({ heardMs }) => nowMs - heardMs <= LAST_WORDS_MS);
    if (cgroup !== null) this.#lastTold.push({ cgroup, isWhole: wholeCgroup !== null, heardMs: nowMs });
  }

  #isTold({ incident, isCount }: Counted, nowMs: number): boolean {
    const { cgroup } = incident;
    if (!isCount) return this.#isNear(cgroup, nowMs);
    const isInWhole = this.#lastTold.some(
      (told) => told.isWhole && isWithin(cgroup, told.cgroup) && nowMs - told.heardMs <= LAST_WORDS_MS,
    );
    return isInWhole || this.#told.take(cgroup, nowMs);
  }

  #join(death: Death, other: Death): void {
    death.counted.push(...other.counted);
    this.#pending = this.#pending.filter((pending) => pending !== other);
  }

  /** Is it not recorded yet? What is recorded by one source alone is not recorded again when the other one tells. */
  #isNews({ kills, counted, heardMs }: Death): boolean {
    const [kill] = kills;
    const [first] = counted;
    if (kill !== undefined) {
      if (placeOf({ kills, counted }) === null && kill.shortage === "node") this.#placeless++;
      return true;
    }
    if (first === undefined) return false;
    const { cgroup } = first.incident;
    if (!first.isCount) return !this.#isNear(cgroup, heardMs);
    if (this.#placeless > 0) {
      this.#placeless--;
      return false;
    }
    this.#recorded.add(cgroup, heardMs + LATE_LOG_MS);
    return true;
  }

  /** Without a counter all there is is a notification, and it goes to the cgroups above and below the victim's, too. */
  #isNear(cgroup: string, aroundMs: number): boolean {
    return this.#lastTold.some(
      (told) =>
        Math.abs(told.heardMs - aroundMs) <= WAIT_MS &&
        (isWithin(told.cgroup, cgroup) || isWithin(cgroup, told.cgroup)),
    );
  }

  /**
   * After ten kills in five seconds the kernel prints no more than whom it killed (oom_kill_process(), mm/oom_kill.c).
   * The counters tell where, if it can only be one place: as many kills as counted ones, all of these in one cgroup.
   */
  #place(): void {
    const placeless = this.#pending.filter((death) => placeOf(death) === null);
    for (const first of placeless) {
      const isNow = ({ happenedMs }: Death) => Math.abs(happenedMs - first.happenedMs) <= SAME_MOMENT_MS;
      const told = placeless.filter((death) => isNow(death) && placeOf(death) === null);
      const counted = this.#pending.filter((death) => isCountedAlone(death) && isNow(death));
      const cgroups = new Set(counted.map(placeOf));
      if (cgroups.size !== 1 || told.length !== counted.length) continue;
      for (const [i, death] of told.entries()) this.#join(death, counted[i]!);
    }
  }
}

function diedTogether(one: KernelKill, other: KernelKill): boolean {
  if (other.wholeCgroup === null || one.wholeCgroup !== other.wholeCgroup) return false;
  return other.bootMicros - one.bootMicros <= WAIT_MS * 1000;
}

function isCountedAlone({ kills }: Death): boolean {
  return kills.length === 0;
}

function isOf({ wholeCgroup, victimCgroup }: KernelKill, cgroup: string): boolean {
  return victimCgroup === cgroup || (wholeCgroup !== null && isWithin(cgroup, wholeCgroup));
}
