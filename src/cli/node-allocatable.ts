import type { Config } from "../config/config.ts";
import { readAllocatable } from "../kubernetes/node.ts";
import { clusterClient } from "./cluster-client.ts";

/**
 * Asks the API server what this node has to give to pods, in bytes, for a command that ends; null where it does not tell.
 * Why not is told where the pods are asked for. @param timeoutMs by then the request is over
 */
export async function nodeAllocatable(config: Config, timeoutMs: number): Promise<number | null> {
  const { client, nodeName } = clusterClient(config, timeoutMs);
  const answer = await readAllocatable(client, nodeName);
  return answer.ok ? answer.value : null;
}
