import type { Parsed } from "../config/parsed.ts";
import { printable } from "../report/text.ts";
import type { Kubeconfig, KubeconfigCluster, KubeconfigUser } from "./kubeconfig-schema.ts";

/** What the chosen context consists of. */
export interface ChosenContext {
  readonly cluster: KubeconfigCluster;
  readonly user: KubeconfigUser;
}

/** The cluster and user of the current context, if they are what a daemon may use. */
export function chooseContext(file: Kubeconfig): Parsed<ChosenContext> {
  const name = contextName(file);
  if (!name.ok) return name;
  const context = file.contexts.find((it) => it.name === name.value)?.context;
  if (context === undefined) {
    return { ok: false, message: `current-context ${quoted(name.value)} is not among its contexts` };
  }
  const cluster = file.clusters.find((it) => it.name === context.cluster)?.cluster;
  if (cluster === undefined) return missing("cluster", context.cluster, name.value);
  const user = file.users.find((it) => it.name === context.user)?.user;
  if (user === undefined) return missing("user", context.user, name.value);
  const refusal = refuseCluster(cluster) ?? refuseUser(user);
  return refusal === null ? { ok: true, value: { cluster, user } } : { ok: false, message: refusal };
}

/** kubectl would turn to localhost:8080 without a current-context; the only context there is can be meant alone. */
function contextName({ "current-context": current, contexts }: Kubeconfig): Parsed<string> {
  if (current !== null) return { ok: true, value: current };
  const [only, ...others] = contexts;
  if (only === undefined) return { ok: false, message: "has no contexts" };
  if (others.length === 0) return { ok: true, value: only.name };
  const names = contexts.map((it) => quoted(it.name)).join(", ");
  return { ok: false, message: `has no current-context: set it to one of ${printable(names, 200)}` };
}

function missing(kind: "cluster" | "user", name: string | null, context: string): Parsed<never> {
  const what = name === null ? `names no ${kind}` : `names the ${kind} ${quoted(name)}, which is not there`;
  return { ok: false, message: `context ${quoted(context)} ${what}` };
}

function refuseCluster(cluster: KubeconfigCluster): string | null {
  if (cluster["proxy-url"]) return "proxy-url is not supported: let the server be reached directly";
  if (cluster["insecure-skip-tls-verify"]) {
    return "insecure-skip-tls-verify is refused, TLS is always verified: give certificate-authority instead";
  }
  return null;
}

/** How else the daemon can show who it is. */
const ALTERNATIVES =
  "use a client certificate, token, tokenFile, the kubelet's kubeconfig, or a service account's token";

function refuseUser(user: KubeconfigUser): string | null {
  // A root daemon does not start programs that a file names.
  if (user.exec) return `exec plugins are not supported: ${ALTERNATIVES}`;
  if (user["auth-provider"]) return `auth-provider is not supported: ${ALTERNATIVES}`;
  if (user.username || user.password) {
    return `username and password are refused, Kubernetes has no basic auth any more: ${ALTERNATIVES}`;
  }
  return user.as ? "acting as another user (as) is not supported: give it credentials of its own" : null;
}

function quoted(name: string): string {
  return `"${printable(name, 60)}"`;
}
