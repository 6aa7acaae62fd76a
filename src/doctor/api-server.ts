import type { Access } from "../kubernetes/access.ts";
import type { ApiErrorKind, ApiResult } from "../kubernetes/api-error.ts";
import type { ApiClient } from "../kubernetes/client.ts";
import type { ClusterAccess } from "../kubernetes/cluster-access.ts";
import { serverVersion } from "../kubernetes/server-version.ts";
import { printable } from "../report/text.ts";
import { type Finding, fail, ok, skip, warn } from "./check.ts";

const VERSION_LENGTH = 60;
const DAY_MS = 86_400_000;

/** Is there an API server, and does it let us in? @param nowMs since the epoch */
export async function checkApiServer(
  clusterAccess: ClusterAccess,
  client: ApiClient,
  nowMs: number,
): Promise<Finding> {
  if (clusterAccess.isOff) return skip("off (kubernetes.kubeconfig): no Events");
  const access = clusterAccess.read();
  if (!access.ok) {
    const { message } = access.error;
    if (access.found)
      return fail(message, "correct that file, or name another one with kubernetes.kubeconfig");
    return warn(message, "oom-guard print rbac tells how to make a kubeconfig for it");
  }
  const found = judgeServer(access.value, await serverVersion(client), clusterAccess.nodeName(), nowMs);
  if (found.outcome !== "ok" || !clusterAccess.isFromShell) return found;
  // root's shell on a control plane has it as a rule: an administrator's, where the service has the kubelet's.
  return warn(
    `${found.detail}; $KUBECONFIG names it, which a service does not have unless its unit sets it`,
    "unset KUBECONFIG and look again, or name it with kubernetes.kubeconfig",
  );
}

/** What the server's answer means for a guard. */
export function judgeServer(
  access: Access,
  version: ApiResult<string>,
  nodeName: string,
  nowMs: number,
): Finding {
  // That it does not tell its version to just anybody is no matter: it knows us.
  if (!version.ok && version.error.kind !== "forbidden") {
    return fail(version.error.message, fixOf(version.error.kind, access.source));
  }
  const name = version.ok ? `${printable(version.value, VERSION_LENGTH)} at ` : "";
  const detail = `${name}${access.server}, TLS verified, by ${access.credentials} of ${access.source}, as node ${nodeName}`;
  const { issued, expires } = access;
  if (issued === null || expires === null) return ok(detail);
  const leftMs = expires.getTime() - nowMs;
  // kubelet renews it when 70 to 90 percent of its life is over.
  if (leftMs > (expires.getTime() - issued.getTime()) / 10) return ok(detail);
  return warn(
    `${detail}; the client certificate ends at ${expires.toISOString()}, in ${(leftMs / DAY_MS).toFixed(1)} days`,
    "see why kubelet does not renew it (journalctl -u kubelet, kubectl get csr), or renew it",
  );
}

function fixOf(kind: ApiErrorKind, source: string): string {
  switch (kind) {
    case "unauthorized":
      return `renew the credentials in ${source}; oom-guard print rbac tells how`;
    case "tls":
      return `correct certificate-authority or server in ${source}`;
    case "unreachable":
    case "timeout":
    case "throttled":
    case "server":
      return `see whether it is up, and whether server in ${source} is right; the guarding goes on, and Events wait`;
    default:
      return `correct server in ${source}`;
  }
}
