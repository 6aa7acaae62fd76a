import type { Config } from "../config/config.ts";
import type { ApiResult } from "../kubernetes/api-error.ts";
import type { NodePod } from "../kubernetes/node-pod.ts";
import * as pods from "../kubernetes/pods.ts";
import { clusterClient } from "./cluster-client.ts";

/** Asks the API server for this node's pods, for a command that ends. @param timeoutMs by then the request is over */
export async function listNodePods(config: Config, timeoutMs: number): Promise<ApiResult<NodePod[]>> {
  const { client, nodeName } = clusterClient(config, timeoutMs);
  return pods.listNodePods(client, nodeName);
}
