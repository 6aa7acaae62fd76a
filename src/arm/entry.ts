import type { Wanted } from "../cgroup/hierarchy.ts";
import type { PathClass } from "../discover/classify.ts";
import type { NamesChange } from "../discover/container-names.ts";
import type { Identity } from "../discover/identity.ts";

/** A cgroup inside the roots, armed or not. */
export interface Entry {
  readonly cgroup: string;
  readonly path: PathClass;
  limitBytes: number;
  /** With its present limit and rules; meaningless without a limit. */
  thresholdBytes: number;
  /** Asked of pods only: containers have no children of their own accord. */
  coversChildren: boolean;
  identity: Identity;
  /** The place in the sentinel's table; null while not armed. */
  slot: number | null;
  /** What the watch was armed with, to see a difference. */
  armedWith: string;
  /** What the hierarchy was asked for with it; null while not armed. */
  wanted: Wanted | null;
  /** Nobody in it may be killed: it must not be held back until the sentinel says that this is over. */
  helpless: boolean;
  /** The sentinel could not take the watch over. */
  refused: boolean;
  knownAs: string;
}

/** A cgroup inside the roots, as others may see it. */
export interface KnownCgroup {
  readonly cgroup: string;
  readonly identity: Identity;
  /** Infinity without one. */
  readonly limitBytes: number;
  /** Meaningless without a limit. */
  readonly thresholdBytes: number;
  readonly state: "armed" | "unarmed" | "not to be armed";
}

/** An entry as others may see it. */
export function shown(entry: Entry): KnownCgroup {
  const { cgroup, identity, limitBytes, thresholdBytes, slot, refused } = entry;
  const isArmed = slot !== null && !refused;
  const state = isArmed ? "armed" : isWorthArming(entry) ? "unarmed" : "not to be armed";
  return { cgroup, identity, limitBytes, thresholdBytes, state };
}

/** Whether a watch on it would tell anything. */
export function isWorthArming({ identity, limitBytes, coversChildren }: Entry): boolean {
  if (limitBytes === Number.POSITIVE_INFINITY || identity.kind === "sandbox") return false;
  // Without use_hierarchy the children's memory is not in the parent's numbers, nor under its limit.
  return identity.kind !== "pod" || coversChildren;
}

/** Which entries names that came, changed or went are about. */
export function concernedBy(change: NamesChange): (entry: Entry) => boolean {
  const cgroups = new Set(change.cgroups);
  const containerIds = new Set(change.containerIds);
  const podUids = new Set(change.podUids);
  return ({ cgroup, path, identity }) =>
    // The path names a container before the runtime does, the runtime one whose path says nothing.
    [path, identity].some(
      ({ containerId, podUid }) =>
        (containerId !== null && containerIds.has(containerId)) || (podUid !== null && podUids.has(podUid)),
    ) ||
    cgroups.has(cgroup) ||
    change.cgroups.some((above) => cgroup.startsWith(`${above}/`));
}
