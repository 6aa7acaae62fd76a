import type { Parsed } from "../config/parsed.ts";

/** A cluster's `server` without a slash at its end. What was refused is not shown: a URL may hold a password. */
export function parseServer(text: string | null): Parsed<string> {
  if (text === null) return { ok: false, message: "the cluster has no server" };
  const url = URL.parse(text);
  if (url?.protocol === "http:") {
    return { ok: false, message: "server is http://, which is refused: it must be https://" };
  }
  // "10.0.0.1:6443" is read as a URL of the protocol "10.0.0.1", or as none.
  if (url?.protocol !== "https:" || url.hostname === "") {
    return { ok: false, message: "server must be a URL, https://host:port" };
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    return { ok: false, message: "server must be https://host:port/path without user, query or fragment" };
  }
  return { ok: true, value: `${url.origin}${url.pathname}`.replace(/\/+$/, "") };
}
