import { dirname } from "node:path";
import * as v from "valibot";
import type { Parsed } from "../config/parsed.ts";
import { readSmallFile } from "../config/read-file.ts";
import { printable } from "../report/text.ts";
import { Access } from "./access.ts";
import { readClientPair } from "./certificate.ts";
import { readAuthority, readCredential, readToken } from "./credentials.ts";
import { chooseContext } from "./kubeconfig-context.ts";
import { type Kubeconfig, kubeconfigSchema, pathText } from "./kubeconfig-schema.ts";
import { parseServer } from "./server.ts";

/** A kubeconfig of more than a few kilobytes is a mistake, and must not cost the guard memory. */
const LARGEST_BYTES = 1024 * 1024;

/** Reads a kubeconfig and every file it names. The message is the whole line, and names the file. */
export function readKubeconfig(path: string): Parsed<Access> | "absent" {
  const text = readSmallFile(path, LARGEST_BYTES);
  if (text === "absent") return text;
  const access = text.ok ? accessFrom(text.value, path) : text;
  return access.ok
    ? access
    : { ok: false, message: `kubeconfig ${printable(path)}: ${printable(access.message)}` };
}

function accessFrom(text: string, path: string): Parsed<Access> {
  const file = parse(text);
  if (!file.ok) return file;
  const chosen = chooseContext(file.value);
  if (!chosen.ok) return chosen;
  const { cluster, user } = chosen.value;
  const folder = dirname(path);

  const server = parseServer(cluster.server);
  if (!server.ok) return server;
  const ca = readAuthority(cluster, folder);
  if (!ca.ok) return ca;
  const certificate = readCredential(user, "client-certificate", folder);
  if (!certificate.ok) return certificate;
  const key = readCredential(user, "client-key", folder);
  if (!key.ok) return key;
  const token = readToken(user, folder);
  if (!token.ok) return token;

  const one = (certificate.value === null) !== (key.value === null);
  if (one) {
    const [has, lacks] =
      key.value === null ? ["client-certificate", "client-key"] : ["client-key", "client-certificate"];
    return { ok: false, message: `the user has a ${has}, but no ${lacks}` };
  }
  const pair =
    certificate.value === null || key.value === null ? null : readClientPair(certificate.value, key.value);
  if (pair?.ok === false) return pair;
  if (pair === null && token.value === null) {
    return {
      ok: false,
      message: "the user has no credentials: give it a client-certificate and client-key, token or tokenFile",
    };
  }
  return {
    ok: true,
    value: new Access({
      server: server.value,
      serverName: cluster["tls-server-name"],
      ca: ca.value,
      client: pair?.value ?? null,
      token: token.value,
      source: printable(path),
    }),
  };
}

/** What the parser says is left out: it names no line, and a text that is no YAML may be a key. */
function parse(text: string): Parsed<Kubeconfig> {
  try {
    const result = v.safeParse(kubeconfigSchema, Bun.YAML.parse(text), { abortEarly: true });
    if (result.success) return { ok: true, value: result.output };
    const [issue] = result.issues;
    const path = pathText(issue);
    const message = issue.received === "undefined" ? "is missing" : issue.message;
    return { ok: false, message: path === "" ? `not a kubeconfig: ${message}` : `${path} ${message}` };
  } catch {
    return { ok: false, message: "not valid YAML" };
  }
}
