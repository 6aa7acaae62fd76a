import { readFileSync } from "node:fs";
import type { LocatedMemory } from "../discover/locate-memory.ts";
import { type Finding, fail, ok } from "./check.ts";

/** Is there a memory hierarchy that this version guards? */
export function checkHierarchy(located: LocatedMemory, procRoot: string): Finding {
  if (!located.ok) return fail(located.problem, located.fix);
  const mounts = readFileSync(`${procRoot}/self/mounts`, "utf8");
  const unified = /^\S+ \S+ cgroup2 /m.test(mounts) ? ", beside a unified one (hybrid)" : "";
  const { version, path } = located.mount;
  return ok(`cgroup v${version} at ${path}${version === 1 ? unified : ""}`);
}
