import { NodePods } from "../discover/node-pods.ts";
import type { ListPods } from "../discover/pod-lookup.ts";
import { ApiError, type ApiResult } from "../kubernetes/api-error.ts";
import type { NodePod } from "../kubernetes/node-pod.ts";

/** The API server's pods of this node, as far as it told in time. */
export interface PodsOnce {
  readonly pods: NodePods;
  /** The same as a list; null where it did not tell. */
  readonly list: readonly NodePod[] | null;
  /** Why there are none; null also where no API server is configured, which is no failure. */
  readonly error: ApiError | null;
}

/** Lists the node's pods once, for a command that ends. An API server that hangs does not hold it up for longer. */
export async function podsOnce(listPods: ListPods, timeoutMs: number): Promise<PodsOnce> {
  const pods = new NodePods();
  const result = await within(listPods(), timeoutMs);
  if (result.ok) pods.replaceAll(result.value);
  const list = result.ok ? result.value : null;
  return { pods, list, error: result.ok || result.error.kind === "unconfigured" ? null : result.error };
}

async function within<T>(result: Promise<ApiResult<T>>, timeoutMs: number): Promise<ApiResult<T>> {
  const late = Promise.withResolvers<ApiResult<T>>();
  const error = new ApiError("timeout", `the API server did not answer within ${timeoutMs / 1000} s`);
  const timer = setTimeout(() => late.resolve({ ok: false, error }), timeoutMs);
  try {
    return await Promise.race([result, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
