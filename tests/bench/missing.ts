import { existsSync, readFileSync } from "node:fs";
import { BINARY } from "../support/guard.ts";
import { hierarchy } from "../support/hierarchy.ts";

/** Why nothing can be measured here, and what would help; null: it can. */
export function missing(): string | null {
  if (process.getuid?.() !== 0) return "needs root, as cgroups are made: sudo npm run bench";
  if (Bun.which("gcc") === null)
    return "gcc not found, which compiles what it is measured against: apt-get install gcc libc6-dev";
  if (hierarchy.version !== 1 || !existsSync(`${hierarchy.mount}/cgroup.event_control`)) {
    return `no cgroup v1 memory hierarchy at ${hierarchy.mount}: boot with systemd.unified_cgroup_hierarchy=0 cgroup_enable=memory`;
  }
  if (!existsSync(BINARY)) return `${BINARY} is not there: npm run build`;
  const swaps = readFileSync("/proc/swaps", "utf8").trim().split("\n").length - 1;
  return swaps > 0 ? "there is swap, and a leak would go there instead of to its limit: swapoff -a" : null;
}
