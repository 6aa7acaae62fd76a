import type { Config } from "../config/config.ts";
import { ApiError, type ApiResult } from "../kubernetes/api-error.ts";
import type { NodePod } from "../kubernetes/node-pod.ts";

/**
 * Asks the API server for this node's pods, for a command that ends.
 * @param _timeoutMs the request must be over by then: what still runs would keep the command from ending.
 */
export async function listNodePods(_config: Config, _timeoutMs: number): Promise<ApiResult<NodePod[]>> {
  return { ok: false, error: new ApiError("unconfigured", "no API server is configured") };
}
