import { monotonicMicros } from "../../ffi/clock.ts";
import type { Hierarchy } from "../cgroup/hierarchy.ts";
import { systemClock } from "../clock.ts";
import type { SettingsMatcher } from "../config/rules.ts";
import type { Identity } from "../discover/identity.ts";
import type { Roots } from "../discover/roots.ts";
import { KernelKills } from "../kernel-oom/kernel-kills.ts";
import { locate } from "../kernel-oom/locate.ts";
import { Owners } from "../kernel-oom/owners.ts";
import { hasSurvivors } from "../kernel-oom/survivors.ts";
import type { Incident } from "../record/incident.ts";
import type { Left, Recorder } from "../record/recorder.ts";
import type { Log } from "../report/log.ts";
import { FollowedLog } from "./followed-log.ts";

/** What decides about the kernel's kills, and may be configured anew. */
export interface KernelSettings {
  readonly rules: SettingsMatcher;
  readonly roots: Roots;
}

/** What the watch is made with. */
export interface KernelWatchParts {
  readonly stateDir: string;
  readonly procRoot: string;
  readonly hierarchy: Hierarchy;
  readonly recorder: Recorder;
  readonly log: Log;
  readonly identify: (cgroup: string) => Identity;
  readonly record: (incident: Incident, slots: readonly number[]) => void;
  /** The log has told of a kill: `tick` is due. */
  readonly onNews: () => void;
}

/** Watches over what the kernel kills by itself, and remembers how far that is recorded. */
export class KernelWatch {
  readonly kills: KernelKills;
  readonly #parts: KernelWatchParts;
  readonly #owners: Owners;
  readonly #followed: FollowedLog;
  #settings: KernelSettings;

  constructor(parts: KernelWatchParts, settings: KernelSettings) {
    const { hierarchy, procRoot, recorder, record } = parts;
    this.#parts = parts;
    this.#settings = settings;
    this.#owners = new Owners(parts.identify);
    this.#followed = new FollowedLog(parts.stateDir, parts.log);
    this.kills = new KernelKills({
      clock: systemClock,
      wallNow: () => Date.now(),
      bootMicros: monotonicMicros,
      owner: (cgroup) => this.#owners.of(cgroup, performance.now()),
      policy: (facts) => this.#settings.rules.settingsFor(facts).policy,
      isOurs: (cgroup) => this.#settings.roots.place(cgroup) === "inside",
      locate: ({ victim }) =>
        locate(victim.pid, victim.comm, {
          procRoot,
          mount: hierarchy.mount,
          hierarchy: hierarchy.version,
          cgroups: this.#owners.cgroups(),
        }),
      hasSurvivors: (container, dead, agoMs) =>
        hasSurvivors(`${hierarchy.mount}${container}`, procRoot, dead, agoMs),
      id: (kill) => this.#followed.id(kill),
      record,
      release: (slot) => recorder.release(slot),
    });
  }

  /** Begins. @param left the kernel's kills that an earlier process has left in the black box */
  start(left: readonly Left[]): void {
    for (const { incident, slot } of left) this.kills.counted({ incident, slot, isCount: true });
    this.#followed.start((kill) => {
      this.kills.told(kill);
      this.#parts.onNews();
    });
  }

  /** Whether the kernel's log is being read. */
  get isLogRead(): boolean {
    return this.#followed.isRead;
  }

  /** Whether a kill is known of that is not recorded yet. */
  get isWaiting(): boolean {
    return this.kills.firstWaiting() !== null;
  }

  /** Resolves when the guard may die without a kill being lost. */
  async settled(): Promise<void> {
    await this.#followed.caughtUp();
    this.tick();
  }

  /** A cgroup is known as this now; null: it is gone. */
  identified(cgroup: string, identity: Identity | null): void {
    this.#owners.identified(cgroup, identity, performance.now());
    if (identity === null) this.kills.forget(cgroup);
  }

  /** Other rules or roots hold now. */
  configure(settings: KernelSettings): void {
    this.#settings = settings;
  }

  /** Notes how far everything is stored. To be called now and then, soon after a kill. */
  tick(): void {
    if (this.#parts.recorder.waiting === 0) this.#followed.stored(this.kills.firstWaiting());
  }

  /** Records what waits; the sentinel has told all by now. @returns whether everything is recorded */
  stop(): boolean {
    const isLogRead = this.#followed.stop();
    const isAll = this.kills.stop(isLogRead);
    this.tick();
    return isAll;
  }
}
