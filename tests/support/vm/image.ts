import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Where tests/components/build-vm has put the machine of a Debian release; null: it was not run. */
export function machineImage(release: string): string | null {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "oom-guard");
  if (!existsSync(cache)) return null;
  const [found] = readdirSync(cache).filter((name) => name.startsWith(`vm-${release}-`));
  return found === undefined ? null : join(cache, found);
}
