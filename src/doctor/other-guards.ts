import { readdirSync } from "node:fs";
import { type Finding, ok, warn } from "./check.ts";
import { readText } from "./read-text.ts";

/** As /proc/PID/comm has them, at most 15 characters. */
const known = new Set(["earlyoom", "nohang", "systemd-oomd", "oomd", "oomguard"]);

/** Does another program kill for memory on this node? @param procRoot usually "/proc" */
export function checkOtherGuards(procRoot: string): Finding {
  const found = readdirSync(procRoot)
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => ({ pid, comm: readText(`${procRoot}/${pid}/comm`) ?? "" }))
    .filter(({ comm }) => known.has(comm))
    .map(({ pid, comm }) => `${comm} (pid ${pid})`);
  if (found.length === 0) return ok("no other program kills for memory");
  return warn(
    `${found.join(", ")} kills for memory too: whose kill it was is hard to tell`,
    "stop it, or keep it away from containers",
  );
}
