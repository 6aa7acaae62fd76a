import { readFileSync } from "node:fs";
import type { ContainerNames } from "../discover/container-names.ts";
import { identifyCgroup } from "../discover/identify.ts";
import type { PodDirectory } from "../discover/node-pods.ts";
import { parseCgroupPath } from "../proc/cgroup-path.ts";

/** The cgroups a target of `explain` may mean, or why there is none. */
export type Target =
  | { readonly ok: true; readonly cgroup: string }
  | { readonly ok: false; readonly message: string };

/** What targets are looked up in. */
export interface TargetWorld {
  readonly procRoot: string;
  readonly mount: string;
  readonly hierarchy: 1 | 2;
  readonly names: ContainerNames;
  readonly pods: PodDirectory;
  /** Every cgroup inside the roots. */
  readonly cgroups: readonly string[];
}

// Shorter prefixes of an id are more likely a typing error than an id.
const SHORTEST_ID = 4;

/** Finds the cgroup for a pid, a cgroup path, namespace/pod[/container] or a (shortened) container id. */
export function findTarget(target: string, world: TargetWorld): Target {
  if (/^\d{1,7}$/.test(target)) return byPid(Number(target), world);
  if (target.startsWith("/")) return byPath(target, world);
  if (target.includes("/")) return byName(target, world);
  return byId(target, world);
}

function byPid(pid: number, { procRoot, hierarchy }: TargetWorld): Target {
  try {
    const cgroup = parseCgroupPath(readFileSync(`${procRoot}/${pid}/cgroup`, "utf8"), hierarchy);
    return cgroup === null
      ? { ok: false, message: `process ${pid} is in no memory cgroup` }
      : { ok: true, cgroup };
  } catch {
    return { ok: false, message: `there is no process ${pid}` };
  }
}

function byPath(path: string, { mount }: TargetWorld): Target {
  const relative = path.startsWith(`${mount}/`) ? path.slice(mount.length) : path;
  return { ok: true, cgroup: relative.length > 1 ? relative.replace(/\/+$/, "") : relative };
}

function byName(target: string, { names, pods, cgroups }: TargetWorld): Target {
  const [namespace, pod, container, ...rest] = target.split("/");
  if (rest.length > 0)
    return { ok: false, message: `${target} has too many parts: namespace/pod or namespace/pod/container` };
  const matching = cgroups.filter((cgroup) => {
    const identity = identifyCgroup(cgroup, names, pods);
    if (identity.namespace !== namespace || identity.pod !== pod) return false;
    return container === undefined ? identity.kind !== "sandbox" : identity.container === container;
  });
  const podCgroups = matching.filter((cgroup) => identifyCgroup(cgroup, names, pods).kind === "pod");
  // A pod stands for all its containers; without a pod cgroup one container must be named.
  return onlyOne(container === undefined && podCgroups.length > 0 ? podCgroups : topmost(matching), target);
}

function byId(target: string, { names, pods, cgroups }: TargetWorld): Target {
  if (target.length < SHORTEST_ID) {
    return {
      ok: false,
      message: `${target} is too short for a container id: at least ${SHORTEST_ID} characters`,
    };
  }
  const matching = cgroups.filter((cgroup) =>
    identifyCgroup(cgroup, names, pods).containerId?.startsWith(target),
  );
  return onlyOne(topmost(matching), target);
}

/** Without the cgroups that lie below another one of the list. */
function topmost(cgroups: readonly string[]): string[] {
  return cgroups.filter((cgroup) => !cgroups.some((other) => cgroup.startsWith(`${other}/`)));
}

function onlyOne(cgroups: readonly string[], target: string): Target {
  const [first, ...others] = cgroups;
  if (first === undefined) {
    return {
      ok: false,
      message: `nothing on this node is called ${target}: oom-guard scan lists what there is`,
    };
  }
  if (others.length === 0) return { ok: true, cgroup: first };
  return {
    ok: false,
    message: `${target} may be any of ${cgroups.slice(0, 3).join(", ")}: name one of them`,
  };
}
