import { SysError } from "../../ffi/sys-error.ts";
import type { Hierarchy } from "../cgroup/hierarchy.ts";
import type { Config } from "../config/config.ts";
import { compileRules } from "../config/rules.ts";
import { marginBytes } from "../decide/margin.ts";
import { ContainerNames } from "../discover/container-names.ts";
import { identifyCgroup } from "../discover/identify.ts";
import { listCgroups } from "../discover/list.ts";
import { Roots } from "../discover/roots.ts";

/** What a guard would find below the roots now. Sizes in bytes. */
export interface Guarded {
  /** Of the configured roots those that exist. */
  readonly presentRoots: readonly string[];
  /** Directories to watch. */
  readonly cgroupCount: number;
  readonly limited: readonly { readonly cgroup: string; readonly marginBytes: number }[];
  /** Pods that have a limit, but neither limit nor numbers of them cover their containers (use_hierarchy 0). */
  readonly uncovered: readonly string[];
  /** Whether the kernel holds them back at their thresholds (cgroup v2, memory.high). */
  readonly isHeld: boolean;
  /** inotify watches for one cgroup: its directory, and each file in it that counts. */
  readonly watchesEach: number;
  /** Descriptors for one cgroup with a limit. */
  readonly descriptorsEach: number;
}

// Directory, usage, stat, and an eventfd for each of five notifications.
const DESCRIPTORS_V1 = 8;
// Directory, usage, stat, events; and the pressure trigger where memory.high does not hold.
const DESCRIPTORS_HELD = 4;
const DESCRIPTORS_NOT_HELD = 5;

/** Looks at every cgroup below the roots once. Rules that match names are not applied: no runtime is asked. */
export function lookAtGuarded(hierarchy: Hierarchy, config: Config, isHeld: boolean): Guarded {
  const { version, control } = hierarchy;
  const rules = compileRules(config);
  const names = new ContainerNames();
  const cgroups = listCgroups(hierarchy.mount, new Roots(config.cgroupRoots));
  const limited: { cgroup: string; marginBytes: number }[] = [];
  const uncovered: string[] = [];
  for (const cgroup of cgroups) {
    const limit = limitOf(hierarchy, cgroup);
    if (limit === null) continue;
    const identity = identifyCgroup(cgroup, names);
    const settings = rules.settingsFor({ ...identity, cgroup });
    if (identity.kind === "pod" && !limit.coversChildren) uncovered.push(cgroup);
    else limited.push({ cgroup, marginBytes: marginBytes(limit.bytes, settings) });
  }
  return {
    presentRoots: config.cgroupRoots.filter((root) => isPresent(root, cgroups)),
    cgroupCount: cgroups.length,
    limited,
    uncovered,
    isHeld,
    watchesEach: 1 + control.length,
    descriptorsEach: version === 1 ? DESCRIPTORS_V1 : isHeld ? DESCRIPTORS_HELD : DESCRIPTORS_NOT_HELD,
  };
}

/** Null: it has none, or was removed meanwhile. */
function limitOf(hierarchy: Hierarchy, cgroup: string): { bytes: number; coversChildren: boolean } | null {
  try {
    const bytes = hierarchy.limitBytes(cgroup);
    if (bytes === Number.POSITIVE_INFINITY) return null;
    return { bytes, coversChildren: hierarchy.coversChildren(cgroup) };
  } catch (error) {
    if (error instanceof SysError) return null;
    throw error;
  }
}

function isPresent(root: string, cgroups: readonly string[]): boolean {
  const roots = new Roots([root]);
  return cgroups.some((cgroup) => roots.place(cgroup) === "inside");
}
