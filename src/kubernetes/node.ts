import * as v from "valibot";
import type { ApiResult } from "./api-error.ts";
import type { ApiClient } from "./client.ts";
import { parseQuantity } from "./quantity.ts";
import { rights } from "./rights.ts";

const Node = v.pipe(
  v.object({
    kind: v.literal("Node"),
    status: v.object({ allocatable: v.object({ memory: v.pipe(v.string(), v.transform(parseQuantity)) }) }),
  }),
  v.transform(({ status }) => status.allocatable.memory),
);

/** Bytes of memory that pods may request on a node, as its Node object says (status.allocatable); null: it says none. */
export function readAllocatable(client: ApiClient, nodeName: string): Promise<ApiResult<number | null>> {
  return client.request({
    method: "GET",
    path: ["api", "v1", "nodes", nodeName],
    // From the API server's cache.
    query: { resourceVersion: "0" },
    right: rights.getNode,
    schema: Node,
  });
}
