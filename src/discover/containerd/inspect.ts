import { statSync } from "node:fs";
import { ContainerdConnection } from "./connection.ts";
import { ContainerdError } from "./error.ts";

/** What one containerd says of itself. */
export interface ContainerdFacts {
  /** Any text: print it escaped. */
  readonly version: string;
  /** How many containers each namespace asked about has, in that order. */
  readonly containerCounts: readonly number[];
}

/**
 * Asks one containerd what it is and how much it keeps; whether its containers run is not asked.
 * @param timeoutMs for each of the calls: one, and one per namespace, these all at once
 */
export async function inspectContainerd(
  socket: string,
  runtimeNamespaces: readonly string[],
  timeoutMs: number,
): Promise<ContainerdFacts | ContainerdError> {
  let connection: ContainerdConnection | undefined;
  let doing = "connect";
  try {
    statSync(socket);
    const opened = new ContainerdConnection(socket, { listMs: timeoutMs, getMs: timeoutMs });
    connection = opened;
    doing = "ask for its version";
    const version = await opened.version();
    doing = "list containers";
    const containerCounts = await Promise.all(runtimeNamespaces.map((name) => count(opened, name)));
    return { version, containerCounts };
  } catch (cause) {
    return ContainerdError.from(socket, doing, cause);
  } finally {
    connection?.close();
  }
}

async function count(connection: ContainerdConnection, runtimeNamespace: string): Promise<number> {
  let found = 0;
  for await (const _ of connection.containers(runtimeNamespace)) found++;
  return found;
}
