import * as v from "valibot";
import type { ApiResult } from "./api-error.ts";
import type { ApiClient } from "./client.ts";
import type { NodePod } from "./node-pod.ts";
import { readPod } from "./pod-schema.ts";
import { rights } from "./rights.ts";

/** A pod is some 10 KB of JSON, and a node has at most a few hundred. */
const LARGEST_LIST_BYTES = 16 * 2 ** 20;

/** A pod that cannot be read is left out, the others are none the worse for it. */
const PodList = v.pipe(
  v.object({ kind: v.literal("PodList"), items: v.nullish(v.array(v.unknown()), []) }),
  v.transform(({ items }) => items.map(readPod).filter((pod) => pod !== null)),
);

/** The pods of a node. */
export function listNodePods(
  client: ApiClient,
  nodeName: string,
  signal?: AbortSignal,
): Promise<ApiResult<NodePod[]>> {
  return client.request({
    method: "GET",
    path: ["api", "v1", "pods"],
    // resourceVersion=0: answered from the API server's cache, where etcd would read every pod of the cluster for it.
    // Without limit: the cache ignores one, and a continued list would go to etcd.
    query: { fieldSelector: `spec.nodeName=${nodeName}`, resourceVersion: "0" },
    right: rights.listPods,
    schema: PodList,
    largestAnswerBytes: LARGEST_LIST_BYTES,
    ...(signal === undefined ? {} : { signal }),
  });
}
