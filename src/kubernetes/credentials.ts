import { resolve } from "node:path";
import type { Parsed } from "../config/parsed.ts";
import { readSmallFile } from "../config/read-file.ts";
import { printable } from "../report/text.ts";
import { readCertificates } from "./certificate.ts";
import type { KubeconfigCluster, KubeconfigUser } from "./kubeconfig-schema.ts";

const LARGEST_BYTES = 256 * 1024;

/** The authority that must have signed the server's certificate; null where the cluster names none. */
export function readAuthority(cluster: KubeconfigCluster, folder: string): Parsed<string | null> {
  const key = "certificate-authority";
  const pem = dataOrFile(cluster[`${key}-data`], cluster[key], key, folder);
  if (!pem.ok || pem.value === null) return pem;
  const certificates = readCertificates(pem.value);
  return certificates.ok ? certificates : { ok: false, message: `${key} ${certificates.message}` };
}

/** A part of the client certificate; null where the user has none. */
export function readCredential(
  user: KubeconfigUser,
  key: "client-certificate" | "client-key",
  folder: string,
): Parsed<string | null> {
  return dataOrFile(user[`${key}-data`], user[key], key, folder);
}

/** As client-go: a token that can be read from the file beats the one in the kubeconfig, which may be its first. */
export function readToken(user: KubeconfigUser, folder: string): Parsed<string | null> {
  if (user.tokenFile !== null) {
    const file = readNamedFile("tokenFile", user.tokenFile, folder);
    if (file.ok) return checkToken(file.value, "tokenFile");
    if (user.token === null) return file;
  }
  return user.token === null ? { ok: true, value: null } : checkToken(user.token, "token");
}

/** A token goes into a header: nothing but visible ASCII. It is not shown. @param key what it was read from. */
export function checkToken(text: string, key: string): Parsed<string> {
  const token = text.trim();
  if (token === "") return { ok: false, message: `${key} is empty` };
  if (!/^[\x21-\x7e]+$/.test(token)) {
    return { ok: false, message: `${key} holds spaces, line breaks or other characters no token has` };
  }
  return { ok: true, value: token };
}

/** A file a kubeconfig names, or a service account's. @returns its text, or a message that names key and file. */
export function readNamedFile(key: string, path: string, folder: string): Parsed<string> {
  const file = resolve(folder, path);
  const text = readSmallFile(file, LARGEST_BYTES);
  if (text === "absent") return { ok: false, message: `${key} ${printable(file)} does not exist` };
  return text.ok ? text : { ok: false, message: `${key} ${printable(file)} ${text.message}` };
}

/** As kubectl: `-data` beats the file. */
function dataOrFile(
  data: string | null,
  path: string | null,
  key: string,
  folder: string,
): Parsed<string | null> {
  if (data !== null) return decodeBase64(data, `${key}-data`);
  return path === null ? { ok: true, value: null } : readNamedFile(key, path, folder);
}

function decodeBase64(data: string, key: string): Parsed<string> {
  // YAML may fold a long line.
  const packed = data.replace(/\s/g, "");
  if (packed.length > (LARGEST_BYTES / 3) * 4) return { ok: false, message: `${key} is too large` };
  try {
    const bytes = Uint8Array.fromBase64(packed);
    return { ok: true, value: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch {
    return { ok: false, message: `${key} is not base64 of a PEM text` };
  }
}
