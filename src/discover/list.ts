import { SysError } from "../../ffi/sys-error.ts";
import { childNamesBelow } from "../cgroup/children.ts";
import type { Roots } from "./roots.ts";

/** None of one that was removed since its parent was listed. */
function childrenOf(directory: string): string[] {
  try {
    return childNamesBelow(directory);
  } catch (error) {
    if (error instanceof SysError) return [];
    throw error;
  }
}

/** Every cgroup inside the roots that exists now, parents before children, for a command that looks once. */
export function listCgroups(mount: string, roots: Roots): string[] {
  const found: string[] = [];
  const visit = (cgroup: string) => {
    const place = roots.place(cgroup);
    if (place === "outside") return;
    if (place === "inside") found.push(cgroup);
    const below = cgroup === "/" ? "" : cgroup;
    for (const name of childrenOf(`${mount}${below}`)) visit(`${below}/${name}`);
  };
  visit("/");
  return found;
}
