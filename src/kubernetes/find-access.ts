import { existsSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import type { Parsed } from "../config/parsed.ts";
import { printable } from "../report/text.ts";
import { Access } from "./access.ts";
import { ApiError } from "./api-error.ts";
import { readCertificates } from "./certificate.ts";
import { checkToken, readNamedFile } from "./credentials.ts";
import { readKubeconfig } from "./kubeconfig.ts";
import { parseServer } from "./server.ts";

/** Where to look. */
export interface FindAccessOptions {
  /** `kubernetes.kubeconfig`: "auto", "off" or a path. */
  readonly kubeconfig: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What the well-known places are below; for tests. */
  readonly root?: string;
}

/** `found` is false where the node has nothing at all, or access is off: nothing to worry about on a Docker host. */
export type AccessResult =
  | { readonly ok: true; readonly value: Access }
  | { readonly ok: false; readonly error: ApiError; readonly found: boolean };

/**
 * In this order: the one made for us, then the kubelet's, wherever a distribution puts it. Never admin.conf: a
 * daemon that posts Events must not act as the cluster's administrator.
 */
const PLACES = [
  "/etc/kubernetes/oom-guard.conf",
  "/etc/kubernetes/kubelet.conf", // kubeadm
  "/etc/kubernetes/kubelet-kubeconfig", // TKE
  "/var/lib/kubelet/kubeconfig", // EKS, GKE
  "/var/lib/rancher/k3s/agent/kubelet.kubeconfig",
];

const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * Reads, afresh, where the API server is and what opens it: certificates and tokens rotate on disk. The first file
 * there is counts: when it is unusable, that is said, and no identity other than the one meant is tried.
 */
export function findAccess({ kubeconfig, env, root = "/" }: FindAccessOptions): AccessResult {
  if (kubeconfig === "off") return nothing("access to the API server is off (kubernetes.kubeconfig)");
  if (kubeconfig !== "auto") {
    return found(readKubeconfig(kubeconfig), `kubeconfig ${kubeconfig}: does not exist`);
  }
  const fromEnvironment = env.KUBECONFIG?.split(delimiter).filter((path) => path !== "") ?? [];
  if (fromEnvironment.length > 0) return firstOf(fromEnvironment);
  const fromAccount = serviceAccount(env, root);
  if (fromAccount !== null) return found(fromAccount, "");
  for (const place of PLACES) {
    const access = readKubeconfig(join(root, place));
    if (access !== "absent") return found(access, "");
  }
  const looked = ["$KUBECONFIG", SERVICE_ACCOUNT, ...PLACES].join(", ");
  return nothing(`no kubeconfig found: looked at ${looked}; set kubernetes.kubeconfig, or "off"`);
}

/** client-go merges the files of $KUBECONFIG; a list is what people have for kubectl, a daemon is given one file. */
function firstOf(paths: readonly string[]): AccessResult {
  const path = paths.map((it) => resolve(it)).find((it) => existsSync(it)) ?? resolve(paths[0] ?? "");
  return found(readKubeconfig(path), `kubeconfig ${path}: does not exist, but $KUBECONFIG names it`);
}

/** In a pod, if it has a service account's token; a pod without may still have the node's /etc mounted. */
function serviceAccount(env: FindAccessOptions["env"], root: string): Parsed<Access> | null {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  const folder = join(root, SERVICE_ACCOUNT);
  if (!host || !port || !existsSync(join(folder, "token"))) return null;
  const access = fromServiceAccount(folder, host, port);
  return access.ok ? access : { ok: false, message: `service account: ${access.message}` };
}

function fromServiceAccount(folder: string, host: string, port: string): Parsed<Access> {
  const server = parseServer(`https://${host.includes(":") ? `[${host}]` : host}:${port}`);
  if (!server.ok) {
    return { ok: false, message: "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are no address" };
  }
  const file = readNamedFile("token", "token", folder);
  const token = file.ok ? checkToken(file.value, "token") : file;
  if (!token.ok) return token;
  const pem = readNamedFile("ca.crt", "ca.crt", folder);
  if (!pem.ok) return pem;
  const ca = readCertificates(pem.value);
  if (!ca.ok) return { ok: false, message: `ca.crt ${ca.message}` };
  const parts = { server: server.value, serverName: null, ca: ca.value, client: null, token: token.value };
  return { ok: true, value: new Access({ ...parts, source: printable(folder) }) };
}

function found(access: Parsed<Access> | "absent", absent: string): AccessResult {
  if (access !== "absent" && access.ok) return access;
  const message = access === "absent" ? absent : access.message;
  return { ok: false, error: new ApiError("unconfigured", printable(message)), found: true };
}

function nothing(message: string): AccessResult {
  return { ok: false, error: new ApiError("unconfigured", message), found: false };
}
