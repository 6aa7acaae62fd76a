import type { Config } from "../config/config.ts";
import type { ApiResult } from "../kubernetes/api-error.ts";
import { ApiClient } from "../kubernetes/client.ts";
import { ClusterAccess } from "../kubernetes/cluster-access.ts";
import type { NodePod } from "../kubernetes/node-pod.ts";
import * as pods from "../kubernetes/pods.ts";
import { keepCredentials } from "./keep-credentials.ts";

/** Asks the API server for this node's pods, for a command that ends. @param timeoutMs by then the request is over */
export async function listNodePods(config: Config, timeoutMs: number): Promise<ApiResult<NodePod[]>> {
  keepCredentials(config, () => undefined);
  const access = new ClusterAccess(config.kubernetes, process.env);
  const client = new ApiClient({ access: () => access.read(), timeoutMs });
  return pods.listNodePods(client, access.nodeName());
}
