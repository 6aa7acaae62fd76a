import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Where tests/components/build-kubernetes has put kube-apiserver and kubelet, the newest; null: it was not run. */
export function kubernetesFolder(): string | null {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "oom-guard");
  if (!existsSync(cache)) return null;
  const versions = readdirSync(cache).filter((name) => name.startsWith("kubernetes-"));
  const [newest] = versions.sort((a, b) => b.localeCompare(a, "en", { numeric: true }));
  return newest === undefined ? null : join(cache, newest);
}
