import { Access } from "../../../src/kubernetes/access.ts";
import type { ApiResult } from "../../../src/kubernetes/api-error.ts";
import { readClientPair } from "../../../src/kubernetes/certificate.ts";
import { ApiClient } from "../../../src/kubernetes/client.ts";
import type { Authority, Issued } from "./authority.ts";

/** What the tests present; it must appear nowhere else. */
export const TOKEN = "SECRET-TOKEN-0123456789";

/** Whatever a test wants to differ from a good access with a token. */
export interface AccessOptions {
  readonly server: string;
  readonly ca?: string | null;
  readonly client?: Issued | null;
  readonly token?: string | null;
  readonly serverName?: string | null;
}

/** An access as a kubeconfig would give it. */
export function accessTo(authority: Authority, options: AccessOptions): Access {
  const pair = options.client ? readClientPair(options.client.cert, options.client.key) : null;
  if (pair?.ok === false) throw new Error(pair.message);
  return new Access({
    serverName: null,
    ca: authority.cert,
    token: TOKEN,
    source: "/etc/kubeconfig",
    ...options,
    client: pair?.value ?? null,
  });
}

/** A client for it, with a timeout that does not hold up the tests. */
export function clientFor(access: Access | ApiResult<Access>, timeoutMs = 2000): ApiClient {
  const result: ApiResult<Access> = access instanceof Access ? { ok: true, value: access } : access;
  return new ApiClient({ access: () => result, timeoutMs });
}

/** An HTTPS server on the loopback interface that answers as told. */
export function serve(issued: Issued, answer: (request: Request) => Response | Promise<Response>) {
  const { cert, key } = issued;
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", tls: { cert, key }, fetch: answer });
  return { server: `https://127.0.0.1:${server.port}`, stop: () => server.stop(true) };
}

/** The error's message, or what came instead. */
export function messageOf(result: ApiResult<unknown>): string {
  return result.ok ? `no error, but ${JSON.stringify(result.value)}` : result.error.message;
}
