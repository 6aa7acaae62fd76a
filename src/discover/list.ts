import { readdirSync } from "node:fs";
import type { Roots } from "./roots.ts";

/** Every cgroup inside the roots that exists now, parents before children, for a command that looks once. */
export function listCgroups(mount: string, roots: Roots): string[] {
  const found: string[] = [];
  const visit = (cgroup: string) => {
    const place = roots.place(cgroup);
    if (place === "outside") return;
    if (place === "inside") found.push(cgroup);
    const below = cgroup === "/" ? "" : cgroup;
    try {
      for (const entry of readdirSync(`${mount}${below}`, { withFileTypes: true })) {
        if (entry.isDirectory()) visit(`${below}/${entry.name}`);
      }
    } catch {
      // Removed between the listing of its parent and its own.
    }
  };
  visit("/");
  return found;
}
