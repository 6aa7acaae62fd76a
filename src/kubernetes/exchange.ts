import packageFile from "../../package.json" with { type: "json" };
import type { Access } from "./access.ts";

const USER_AGENT = `${packageFile.name}/${packageFile.version}`;

/** What is sent, how long it may take in all, and how much may come back. */
export interface Outgoing {
  readonly method: string;
  readonly url: string;
  readonly body: string | null;
  readonly contentType: string;
  readonly timeoutMs: number;
  readonly largestAnswerBytes: number;
  readonly signal: AbortSignal | undefined;
}

/** An answer, whatever it says; or what came in between. `code` is Bun's, OpenSSL's or an errno's name. */
export type Exchange =
  | { readonly outcome: "answer"; readonly status: number; readonly headers: Headers; readonly text: string }
  | { readonly outcome: "timeout" | "cancelled" | "too-large" }
  | { readonly outcome: "failed"; readonly code: string };

/**
 * Sends one request and reads the whole answer. Never rejects, and ends in time whatever the server does: also one
 * that accepts and is silent, or sends a byte now and then.
 */
export async function exchange(access: Access, outgoing: Outgoing): Promise<Exchange> {
  const { signal, timeoutMs } = outgoing;
  if (signal?.aborted) return { outcome: "cancelled" };
  const controller = new AbortController();
  const ended = Promise.withResolvers<Exchange>();
  const cancel = () => ended.resolve({ outcome: "cancelled" });
  const timer = setTimeout(() => ended.resolve({ outcome: "timeout" }), timeoutMs);
  signal?.addEventListener("abort", cancel);
  try {
    // A race, so that the time is up even while Bun is where it does not hear of an abort (resolving a name).
    return await Promise.race([ended.promise, send(access, outgoing, controller.signal)]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", cancel);
    // Ends the connection, if it is not at its end.
    controller.abort();
  }
}

async function send(access: Access, outgoing: Outgoing, signal: AbortSignal): Promise<Exchange> {
  try {
    const response = await fetch(outgoing.url, options(access, outgoing, signal));
    const text = await readBody(response, outgoing.largestAnswerBytes);
    if (text === null) return { outcome: "too-large" };
    return { outcome: "answer", status: response.status, headers: response.headers, text };
  } catch (error) {
    // Of the error only the code: its text is Bun's, and may quote what was sent.
    const code = (error as { code?: unknown } | null)?.code;
    return { outcome: "failed", code: typeof code === "string" ? code : "" };
  }
}

/**
 * Bun takes HTTPS_PROXY and NO_PROXY from the environment as client-go does; TLS is then spoken with the API server
 * through the proxy's tunnel, so the proxy sees neither token nor certificate check.
 */
function options(access: Access, outgoing: Outgoing, signal: AbortSignal): BunFetchRequestInit {
  const { ca, clientCert, clientKey, token } = access.secrets();
  return {
    method: outgoing.method,
    body: outgoing.body,
    headers: {
      accept: "application/json",
      // A small compressed answer could become a huge one, at once and before it can be counted.
      "accept-encoding": "identity",
      "user-agent": USER_AGENT,
      ...(outgoing.body === null ? {} : { "content-type": outgoing.contentType }),
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    },
    decompress: false,
    tls: {
      ...(ca === null ? {} : { ca }),
      ...(clientCert === null ? {} : { cert: clientCert }),
      ...(clientKey === null ? {} : { key: clientKey }),
      ...(access.serverName === null ? {} : { serverName: access.serverName }),
      // Said explicitly, NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment does not switch verification off.
      rejectUnauthorized: true,
    },
    // The token is for this server only.
    redirect: "manual",
    // A connection per request: requests are rare, certificates rotate, and nobody watches a pooled one die.
    keepalive: false,
    // Overrides BUN_CONFIG_VERBOSE_FETCH, which would print the token; Bun reads the variable before we run.
    verbose: false,
    signal,
  };
}

/** The body, or null when it is larger than it may be. */
async function readBody(response: Response, largestBytes: number): Promise<string | null> {
  if (response.body === null) return "";
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body) {
    length += chunk.length;
    if (length > largestBytes) return null;
    chunks.push(chunk);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}
