import * as v from "valibot";

// What Kubernetes itself allows as a name. One that it cannot have is no name: it would end up in a URL of the API
// server, in metrics and on terminals.

/** The name of a namespace or a container. */
export const dnsLabel = v.pipe(v.string(), v.maxLength(63), v.regex(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/));

/** The name of a pod or a node. */
export const dnsSubdomain = v.pipe(
  v.string(),
  v.maxLength(253),
  v.regex(/^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/),
);

/** The uid of a pod, or the hash that kubelet gives a static pod. */
export const podUid = v.pipe(v.string(), v.maxLength(64), v.regex(/^[0-9A-Za-z._-]+$/));
