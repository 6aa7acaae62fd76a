import { printable } from "../report/text.ts";
import type { Access } from "./access.ts";
import { ApiError, type ApiErrorKind } from "./api-error.ts";

type Cause = readonly [kind: ApiErrorKind, text: (access: Access) => string];

const unreachable = (text: string): Cause => ["unreachable", () => `cannot be reached: ${text}`];
const tls = (text: (access: Access) => string): Cause => ["tls", text];

const unknownAuthority = tls((access) =>
  access.secrets().ca === null
    ? `has a certificate of an unknown authority: ${access.source} names no certificate-authority`
    : `has a certificate of an unknown authority: certificate-authority in ${access.source} does not match the server`,
);

/** Something else may listen there, or nothing. */
const wrongServer = ({ source }: Access) => `is server in ${source} an API server?`;

/** By the code that Bun puts on what fetch throws. */
const causes: Readonly<Record<string, Cause>> = {
  ECONNREFUSED: [
    "unreachable",
    ({ source }) => `cannot be reached: connection refused (is it down, or is server in ${source} wrong?)`,
  ],
  ECONNRESET: unreachable("the connection was closed before an answer came"),
  ConnectionClosed: unreachable("the connection was closed before an answer came"),
  ETIMEDOUT: unreachable("the connection timed out"),
  EHOSTUNREACH: unreachable("no route to the host"),
  ENETUNREACH: unreachable("no route to the network"),
  ENOTFOUND: unreachable("its name cannot be resolved"),
  EAI_AGAIN: unreachable("its name cannot be resolved at the moment"),
  // Certificates and key were read before, so it is not one of them, though Bun would say the same.
  FailedToOpenSocket: unreachable("no connection can be opened"),
  EMFILE: unreachable("too many open files"),
  ERR_PROXY_TUNNEL: unreachable("the proxy that HTTPS_PROXY names refused to connect"),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownAuthority,
  CERT_SIGNATURE_FAILURE: unknownAuthority,
  CERT_HAS_EXPIRED: tls(
    () =>
      "cannot be trusted: the server's certificate expired (or its authority's): renew it there (or is this node's clock wrong?)",
  ),
  CERT_NOT_YET_VALID: tls(
    () => "cannot be trusted: the server's certificate is not valid yet (is this node's clock right?)",
  ),
  ERR_TLS_CERT_ALTNAME_INVALID: tls((access) => {
    const host = access.serverName ?? new URL(access.server).hostname;
    return `cannot be trusted: its certificate is not valid for ${printable(host)} (tls-server-name in ${access.source} can say what it is valid for)`;
  }),
  EPROTO: tls(
    (access) =>
      `does not agree on TLS: it may not speak TLS on that port, or not accept the client certificate (${wrongServer(access)})`,
  ),
  ResponseHeadersTooLarge: ["garbage", () => "sends headers that no API server sends"],
};

/** Why there was no answer. @param code what the exchange failed with. */
export function connectionError(access: Access, code: string): ApiError {
  const [kind, text] = causeOf(code);
  return new ApiError(kind, printable(`${printable(access.server)} ${text(access)}`));
}

const notHttp: Cause = ["garbage", (access) => `answers what is not HTTP: ${wrongServer(access)}`];

function causeOf(code: string): Cause {
  const cause = causes[code];
  if (cause !== undefined) return cause;
  // Bun's parser has a name for each way not to be HTTP: Malformed_HTTP_Response, InvalidContentLength and so on.
  if (/HTTP|ContentLength|TransferEncoding|Header|Chunk/.test(code)) return notHttp;
  if (/CERT|TLS|SSL|CRL|CHAIN/.test(code)) return tls(() => `cannot be trusted (${printable(code)})`);
  return unreachable(code === "" ? "unknown error" : printable(code));
}
