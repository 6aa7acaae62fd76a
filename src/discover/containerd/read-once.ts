import { statSync } from "node:fs";
import type { ContainerName } from "../container-name.ts";
import { ContainerdConnection } from "./connection.ts";
import { ContainerdError } from "./error.ts";
import { type ProcView, readNames } from "./read-names.ts";

/**
 * Asks one containerd once for all its containers, for a command that ends (scan, explain, doctor).
 * @param timeoutMs for each of the calls: two per namespace.
 */
export async function readContainerdOnce(
  socket: string,
  runtimeNamespaces: readonly string[],
  proc: ProcView,
  timeoutMs: number,
): Promise<ContainerName[] | ContainerdError> {
  let connection: ContainerdConnection | undefined;
  let doing = "connect";
  try {
    statSync(socket);
    connection = new ContainerdConnection(socket, { listMs: timeoutMs, getMs: timeoutMs });
    const names: ContainerName[] = [];
    for (const namespace of runtimeNamespaces) {
      doing = `list containers of ${namespace}`;
      names.push(...(await readNames(connection, namespace, proc)));
    }
    return names;
  } catch (cause) {
    return ContainerdError.from(socket, doing, cause);
  } finally {
    connection?.close();
  }
}
