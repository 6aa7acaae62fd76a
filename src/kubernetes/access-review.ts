import * as v from "valibot";
import type { ApiResult, Right } from "./api-error.ts";
import type { ApiClient } from "./client.ts";
import { rights } from "./rights.ts";

/** No status: the server would not say, which is not a yes. */
const Review = v.pipe(
  v.object({
    kind: v.literal("SelfSubjectAccessReview"),
    status: v.object({ allowed: v.boolean() }),
  }),
  v.transform(({ status }) => status.allowed),
);

/**
 * Asks the API server whether we have a right, in every namespace; each user it knows may ask that.
 * @param nodeName only its pods are asked for and its own object: from Kubernetes 1.32 on a kubelet may have no others
 *   (AuthorizeNodeWithSelectors). Older servers do not know the field selector and leave it out.
 */
export function reviewRight(client: ApiClient, right: Right, nodeName: string): Promise<ApiResult<boolean>> {
  const requirement = { key: "spec.nodeName", operator: "In", values: [nodeName] };
  const narrowed =
    right === rights.listPods
      ? { fieldSelector: { requirements: [requirement] } }
      : right === rights.getNode
        ? { name: nodeName }
        : {};
  return client.request({
    method: "POST",
    path: ["apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"],
    body: {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectAccessReview",
      // Without a namespace: in all of them.
      spec: { resourceAttributes: { ...right, ...narrowed } },
    },
    right: { verb: "create", resource: "selfsubjectaccessreviews" },
    schema: Review,
  });
}
