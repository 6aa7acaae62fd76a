import { reviewRight } from "../kubernetes/access-review.ts";
import type { ApiResult, Right } from "../kubernetes/api-error.ts";
import type { ApiClient } from "../kubernetes/client.ts";
import type { ClusterAccess } from "../kubernetes/cluster-access.ts";
import { rights } from "../kubernetes/rights.ts";
import { type Finding, fail, ok, skip, warn } from "./check.ts";

/** What the server says of one right. */
export interface RightAnswer {
  readonly right: Right;
  readonly allowed: ApiResult<boolean>;
}

/** May we do there what the guard does? Asks for all rights at once, without using any of them. */
export async function checkApiRights(clusterAccess: ClusterAccess, client: ApiClient): Promise<Finding> {
  const access = clusterAccess.read();
  if (!access.ok) return skip("no API server to ask");
  const nodeName = clusterAccess.nodeName();
  const answers = await Promise.all(
    Object.values(rights).map(async (right) => ({
      right,
      allowed: await reviewRight(client, right, nodeName),
    })),
  );
  return judgeRights(answers, access.value.commonName);
}

/** What the answers mean for a guard. @param commonName of the client certificate, if there is one */
export function judgeRights(answers: readonly RightAnswer[], commonName: string | null): Finding {
  const name = ({ verb, resource }: Right) => `${verb} ${resource}`;
  const missing = answers.flatMap(({ right, allowed }) => (allowed.ok && !allowed.value ? [right] : []));
  if (missing.length > 0) {
    const isNode = commonName?.startsWith("system:node:");
    const account = isNode ? ", and give it a kubeconfig of that account" : "";
    // An account made by an earlier version lacks it, and guards as well as it did.
    const judge = missing.every((right) => right === rights.getNode) ? warn : fail;
    return judge(
      `may not ${missing.map(name).join(", ")}`,
      `oom-guard print rbac | kubectl apply -f -${account}`,
    );
  }
  for (const { allowed } of answers) {
    if (allowed.ok) continue;
    const { kind, message } = allowed.error;
    if (kind !== "forbidden") return skip(`cannot be asked: ${message}`);
    return warn(`it is not told: ${message}`, "bind the ClusterRole system:basic-user to its user again");
  }
  return ok(`may ${answers.map(({ right }) => name(right)).join(", ")}`);
}
