import { ENODEV, ENOENT } from "../../ffi/errno.ts";
import { close, closeInPool } from "../../ffi/file.ts";
import { SysError } from "../../ffi/sys-error.ts";
import type { Hierarchy, Refusal, Signal, Wanted } from "../cgroup/hierarchy.ts";
import type { SettingsMatcher } from "../config/rules.ts";
import { cacheFloorBytes, marginBytes } from "../decide/margin.ts";
import { classify } from "../discover/classify.ts";
import type { NamesChange } from "../discover/container-names.ts";
import type { Identity } from "../discover/identity.ts";
import type { MessageKind } from "../report/message-kind.ts";
import type { FromSentinel, ToSentinel } from "../sentinel/protocol.ts";
import { TurnoverMap } from "../turnover-map.ts";
import { concernedBy, type Entry, isWorthArming, type KnownCgroup, shown } from "./entry.ts";
import { Slots } from "./slots.ts";

/** What the armer needs of its surroundings. */
export interface ArmerPorts {
  readonly hierarchy: Hierarchy;
  readonly identify: (cgroup: string) => Identity;
  /** Told whenever a cgroup was identified; null: it is gone. */
  readonly onIdentified?: (cgroup: string, identity: Identity | null) => void;
  readonly send: (message: ToSentinel) => void;
  /** Something that does not work, said once per key. */
  readonly onTrouble: (kind: MessageKind, key: string, message: string) => void;
}

/**
 * Keeps the sentinel's watches equal to the tree, the limits, the names and the rules: a cgroup with a limit is armed,
 * and armed anew when anything that decides about it changes.
 */
export class Armer {
  readonly #ports: ArmerPorts;
  readonly #entries = new TurnoverMap<string, Entry>();
  readonly #slots = new Slots();
  readonly #pending = new TurnoverMap<number, Promise<void>>();
  #begun = 0;
  #rules: SettingsMatcher;
  #goneCount = 0;

  constructor(ports: ArmerPorts, rules: SettingsMatcher) {
    this.#ports = ports;
    this.#rules = rules;
  }

  /** How many cgroups are armed. */
  get armedCount(): number {
    return this.#slots.count;
  }

  /** How many that were known are gone. */
  get goneCount(): number {
    return this.#goneCount;
  }

  /** Resolves when the kernel has answered everything that was asked of it until now. */
  async settled(): Promise<void> {
    await Promise.all(this.#pending.values());
  }

  /** The armed cgroup of a slot, with what it is armed for; undefined when it was released meanwhile. */
  cgroupAt(slot: number): string | undefined {
    return this.#slots.cgroupAt(slot);
  }

  /** Every cgroup inside the roots, in the order in which they were found. */
  *known(): Iterable<KnownCgroup> {
    for (const entry of this.#entries.values()) yield shown(entry);
  }

  /** The margin of a cgroup with its present limit and rules. */
  marginBytes(cgroup: string): number {
    const entry = this.#entries.get(cgroup);
    return entry === undefined ? 0 : marginBytes(entry.limitBytes, this.#settings(entry));
  }

  /** A cgroup appeared, or its limit may have changed: reads it afresh. */
  refresh(cgroup: string): void {
    const { hierarchy } = this.#ports;
    this.#attempt(cgroup, () => {
      const limitBytes = hierarchy.limitBytes(cgroup);
      const known = this.#entries.get(cgroup);
      // Most are as they were, and of names and rules others tell.
      if (known?.wanted && known.limitBytes === limitBytes && known.identity.kind !== "pod") {
        this.#renew(known, known.wanted);
        return;
      }
      const entry = known ?? {
        cgroup,
        path: classify(cgroup),
        limitBytes,
        thresholdBytes: limitBytes,
        coversChildren: true,
        identity: this.#identify(cgroup),
        slot: null,
        armedWith: "",
        wanted: null,
        helpless: false,
        refused: false,
        knownAs: "",
      };
      entry.limitBytes = limitBytes;
      this.#entries.set(cgroup, entry);
      this.#settle(entry);
    });
  }

  /** Reads every limit afresh, for what notifications may have missed. */
  refreshAll(): void {
    for (const cgroup of [...this.#entries.keys()]) this.refresh(cgroup);
  }

  /** The cgroup was removed, or is no longer inside the roots. */
  forget(cgroup: string): void {
    const entry = this.#entries.get(cgroup);
    if (entry === undefined) return;
    this.#entries.delete(cgroup);
    this.#goneCount++;
    this.#disarm(entry);
    this.#ports.hierarchy.letGo(cgroup);
    this.#ports.send({ type: "know", cgroup, known: null });
    this.#ports.onIdentified?.(cgroup, null);
  }

  /** Other rules or margins hold now. */
  applyRules(rules: SettingsMatcher): void {
    this.#rules = rules;
    for (const entry of this.#entries.values()) this.#attempt(entry.cgroup, () => this.#settle(entry));
  }

  /** Names came, changed or went: looks again at the cgroups they are about. */
  namesChanged(change: NamesChange): void {
    const isConcerned = concernedBy(change);
    for (const entry of this.#entries.values()) {
      if (!isConcerned(entry)) continue;
      entry.identity = this.#identify(entry.cgroup);
      this.#attempt(entry.cgroup, () => this.#settle(entry));
    }
  }

  /** The sentinel can do nothing for the cgroup in this slot: held back it would only be stuck. */
  helpless({ slot, isWatched }: Extract<FromSentinel, { type: "helpless" }>): void {
    const entry = this.#entries.get(this.#slots.cgroupAt(slot) ?? "");
    if (entry === undefined) return;
    entry.helpless = true;
    entry.refused = !isWatched;
    this.#ports.hierarchy.letGo(entry.cgroup);
  }

  /** That is over: it is armed anew, and held back again. */
  recovered(slot: number): void {
    const entry = this.#entries.get(this.#slots.cgroupAt(slot) ?? "");
    if (entry?.helpless !== true) return;
    entry.armedWith = "";
    this.#attempt(entry.cgroup, () => this.#settle(entry));
  }

  /** The cgroup in this slot was removed. Where inotify cannot tell, nobody else does, and another one may have its name. */
  gone(slot: number): void {
    const cgroup = this.#slots.cgroupAt(slot);
    if (cgroup === undefined) return;
    this.forget(cgroup);
    this.refresh(cgroup);
  }

  /** Closes what the sentinel has left open of a watch that it has ended. */
  leftOpen({ fds }: Extract<FromSentinel, { type: "left-open" }>): void {
    for (const fd of fds) closeInPool(fd);
  }

  #identify(cgroup: string): Identity {
    const identity = this.#ports.identify(cgroup);
    this.#ports.onIdentified?.(cgroup, identity);
    return identity;
  }

  /** A cgroup may be removed at any moment, before anybody tells; what else goes wrong leaves it to the next refresh. */
  #attempt(cgroup: string, action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      if (error.errno === ENOENT || error.errno === ENODEV) this.forget(cgroup);
      else
        this.#ports.onTrouble(
          "cgroup-not-armed",
          `arm ${error.code}`,
          `cannot arm a cgroup, so nobody guards it: ${error.message}`,
        );
    }
  }

  #settings({ cgroup, identity }: Entry) {
    return this.#rules.settingsFor({ ...identity, cgroup });
  }

  #settle(entry: Entry): void {
    const { cgroup, identity, limitBytes } = entry;
    const settings = this.#settings(entry);
    const { policy } = settings;
    const knownAs = JSON.stringify([identity, policy]);
    if (knownAs !== entry.knownAs) {
      entry.knownAs = knownAs;
      this.#ports.send({ type: "know", cgroup, known: { identity, policy } });
    }
    if (identity.kind === "pod") entry.coversChildren = this.#ports.hierarchy.coversChildren(cgroup);
    if (!isWorthArming(entry)) {
      this.#disarm(entry);
      this.#ports.hierarchy.letGo(cgroup);
      return;
    }
    const margin = marginBytes(limitBytes, settings);
    const bounds = {
      thresholdBytes: limitBytes - margin,
      marginBytes: margin,
      cacheFloorBytes: cacheFloorBytes(limitBytes, settings),
    };
    entry.thresholdBytes = bounds.thresholdBytes;
    const nearBytes = limitBytes - 2 * margin;
    // Where the guard only takes note, the kernel's OOM killer must get its turn.
    const hold = policy !== "noop";
    const waitAtLimit = hold && settings.kernelOom === "hold";
    const wanted = { thresholdBytes: bounds.thresholdBytes, nearBytes, hold, waitAtLimit };
    const armedWith = JSON.stringify([limitBytes, bounds, policy, identity.kind, waitAtLimit]);
    if (armedWith === entry.armedWith) {
      this.#renew(entry, wanted);
      return;
    }
    this.#disarm(entry);
    entry.helpless = false;
    entry.refused = false;
    const { refused, ...armed } = this.#arm(cgroup);
    this.#sayRefused(refused);
    const slot = this.#slots.take(cgroup);
    entry.slot = slot;
    entry.armedWith = armedWith;
    entry.wanted = wanted;
    const { kind } = identity;
    this.#ports.send({
      type: "watch",
      spec: { slot, cgroup, kind, policy, limitBytes, nearBytes, bounds, waitAtLimit, armed },
    });
    this.#await(this.#armThresholds(entry, slot, wanted));
  }

  #await(pending: Promise<void>): void {
    const number = this.#begun++;
    this.#pending.set(number, pending);
    void pending.finally(() => this.#pending.delete(number));
  }

  /** @throws SysError, and then nothing holds the cgroup back */
  #arm(cgroup: string) {
    const { hierarchy } = this.#ports;
    try {
      return hierarchy.arm(cgroup);
    } catch (error) {
      hierarchy.letGo(cgroup);
      throw error;
    }
  }

  /** Others may write what the guard has written. Where it cannot be put back, the cgroup is armed with what can be had. */
  #renew(entry: Entry, wanted: Wanted): void {
    if (entry.helpless) return;
    const renewed = this.#ports.hierarchy.renew(entry.cgroup, wanted).catch((error) => {
      if (!(error instanceof SysError)) throw error;
      if (this.#entries.get(entry.cgroup) !== entry) return;
      entry.armedWith = "";
      this.#attempt(entry.cgroup, () => this.#settle(entry));
    });
    this.#await(renewed);
  }

  /** Until they are granted the sentinel looks by itself. */
  async #armThresholds(entry: Entry, slot: number, wanted: Wanted): Promise<void> {
    const { hierarchy, send } = this.#ports;
    const hand = (signal: Signal) => {
      if (entry.slot === slot) send({ type: "signals", slot, signals: [signal] });
      else close(signal.fd);
    };
    try {
      this.#sayRefused(await hierarchy.armThresholds(entry.cgroup, wanted, hand));
    } catch (error) {
      // Removed meanwhile; inotify tells.
      if (!(error instanceof SysError)) throw error;
    }
  }

  #sayRefused(refused: readonly Refusal[]): void {
    for (const { meaning, error } of refused) {
      const message = `this kernel gives no ${meaning} notifications (${error.message}): the others and polling carry the watch`;
      this.#ports.onTrouble("notification-refused", `refused ${meaning}`, message);
    }
  }

  #disarm(entry: Entry): void {
    if (entry.slot === null) return;
    this.#ports.send({ type: "release", slot: entry.slot });
    this.#slots.leave(entry.slot);
    entry.slot = null;
    entry.armedWith = "";
    entry.wanted = null;
  }
}
