import * as v from "valibot";

// The part of a kubeconfig that is used or refused; the rest is ignored, as kubectl does. An empty text, like null,
// says nothing. No message here shows a value: any of them may be a secret in the wrong place.

const text = v.pipe(
  v.nullish(v.string("must be text"), ""),
  v.transform((value) => (value === "" ? null : value)),
);
const flag = v.nullish(v.boolean("must be true or false"), false);
const present = v.pipe(
  v.nullish(v.unknown(), ""),
  v.transform((value) => value !== ""),
);

const cluster = v.object(
  {
    server: text,
    "certificate-authority": text,
    "certificate-authority-data": text,
    "tls-server-name": text,
    "insecure-skip-tls-verify": flag,
    "proxy-url": present,
  },
  "must be a mapping",
);

const user = v.object(
  {
    "client-certificate": text,
    "client-certificate-data": text,
    "client-key": text,
    "client-key-data": text,
    token: text,
    tokenFile: text,
    exec: present,
    "auth-provider": present,
    username: present,
    password: present,
    as: present,
  },
  "must be a mapping",
);

const context = v.object({ cluster: text, user: text }, "must be a mapping");

const name = v.string("must be text");

function listOf<const T extends v.ObjectEntries>(entries: T) {
  const item = v.object({ name, ...entries }, "must be a mapping with a name");
  return v.nullish(v.array(item, "must be a list"), []);
}

/** A kubeconfig; keys as in the file. */
export const kubeconfigSchema = v.object(
  {
    "current-context": text,
    contexts: listOf({ context }),
    clusters: listOf({ cluster }),
    users: listOf({ user: v.nullish(user, {}) }),
  },
  "must be a mapping",
);

/** A checked kubeconfig. */
export type Kubeconfig = v.InferOutput<typeof kubeconfigSchema>;
/** How to reach one API server. */
export type KubeconfigCluster = v.InferOutput<typeof cluster>;
/** How to show it who we are. */
export type KubeconfigUser = v.InferOutput<typeof user>;

/** `users #2 user.token`: items counted from 1, as people do. */
export function pathText(issue: v.BaseIssue<unknown>): string {
  const keys = (issue.path ?? []).map(({ key }) => key);
  return keys.reduce<string>((path, key) => {
    if (typeof key === "number") return `${path} #${key + 1}`;
    const separator = path === "" ? "" : /#\d+$/.test(path) ? " " : ".";
    return `${path}${separator}${String(key)}`;
  }, "");
}
