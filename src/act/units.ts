import { close, duplicate, openDirectoryAt } from "../../ffi/file.ts";
import { cString } from "../../ffi/native-buffer.ts";
import { childNames } from "../cgroup/children.ts";
import { classify } from "../discover/classify.ts";
import type { CgroupKind } from "../discover/identity.ts";

/** What can be killed as one: a container, or a cgroup that holds none. The descriptor pins it: a new cgroup of the same name is another one. */
export interface Unit {
  readonly cgroup: string;
  readonly directoryFd: number;
}

/** What a cgroup is known to be, from names or, where nobody knows it, from its path. */
export type KindOf = (cgroup: string) => CgroupKind | undefined;

/**
 * Opens the containers inside a cgroup that is over its threshold; those of a pod are its direct children. A container,
 * and a cgroup in which no container is found, is its own only unit. Close what you get (`closeUnits`).
 */
export function openUnits(directoryFd: number, cgroup: string, kind: CgroupKind, kindOf: KindOf): Unit[] {
  const units: Unit[] = [];
  if (kind !== "container") collect(directoryFd, cgroup, kind === "pod", kindOf, units);
  if (units.length === 0 && kind !== "pod") {
    const fd = duplicate(directoryFd);
    if (fd >= 0) units.push({ cgroup, directoryFd: fd });
  }
  return units;
}

function collect(directoryFd: number, cgroup: string, isPod: boolean, kindOf: KindOf, units: Unit[]): void {
  for (const name of childNames(directoryFd)) {
    const child = `${cgroup}/${name}`;
    const fd = openDirectoryAt(directoryFd, cString(name));
    if (fd < 0) continue;
    const kind = kindOf(child) ?? classify(child).kind;
    if (isPod || kind === "container" || kind === "sandbox") {
      units.push({ cgroup: child, directoryFd: fd });
      continue;
    }
    collect(fd, child, kind === "pod", kindOf, units);
    close(fd);
  }
}

/** Gives the descriptors back; `except` stays open. */
export function closeUnits(units: readonly Unit[], except?: Unit): void {
  for (const unit of units) if (unit !== except) close(unit.directoryFd);
}
