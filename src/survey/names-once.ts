import { existsSync } from "node:fs";
import type { Config } from "../config/config.ts";
import { ContainerNames } from "../discover/container-names.ts";

// A runtime that hangs must not hold up a command; its containers then show by their paths.
const TIMEOUT_MS = 1000;

/** The names all configured runtimes know now; a runtime that is absent or does not answer adds none. */
export async function namesOnce(config: Config, procRoot: string, hierarchy: 1 | 2): Promise<ContainerNames> {
  const names = new ContainerNames();
  const sockets = config.runtime.sockets.filter(existsSync);
  if (sockets.length === 0) return names;
  // gRPC and HTTP/2 take 30 ms to load.
  const { readContainerdOnce } = await import("../discover/containerd/read-once.ts");
  await Promise.all(
    sockets.map(async (socket) => {
      const answer = await readContainerdOnce(
        socket,
        config.runtime.namespaces,
        { procRoot, hierarchy },
        TIMEOUT_MS,
      );
      if (Array.isArray(answer)) for (const name of answer) names.upsert(socket, name);
    }),
  );
  return names;
}
