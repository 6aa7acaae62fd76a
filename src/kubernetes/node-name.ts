import * as v from "valibot";
import { dnsSubdomain } from "../discover/kubernetes-names.ts";

/** What is known about this node. */
export interface NodeNameOptions {
  /** `kubernetes.node_name`: "auto" or a name. */
  readonly nodeName: string;
  /** Common name of the client certificate, if there is one. */
  readonly commonName: string | null;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly hostname: string;
}

const PREFIX = "system:node:";

/**
 * The name of this node's Node object: as the kubelet's certificate says, as NODE_NAME says (the downward API, in
 * a DaemonSet), or the hostname as kubelet writes it. A name that no node can have is passed over.
 */
export function findNodeName({ nodeName, commonName, env, hostname }: NodeNameOptions): string {
  if (nodeName !== "auto") return nodeName;
  const certified = commonName?.startsWith(PREFIX) ? commonName.slice(PREFIX.length) : undefined;
  return [certified, env.NODE_NAME].find((name) => v.is(dnsSubdomain, name)) ?? hostname.trim().toLowerCase();
}
