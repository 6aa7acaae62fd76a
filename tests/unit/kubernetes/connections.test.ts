import { afterAll, afterEach, expect, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket } from "node:tls";
import { inspect } from "node:util";
import * as v from "valibot";
import type { Access } from "../../../src/kubernetes/access.ts";
import { connectionError } from "../../../src/kubernetes/connection-error.ts";
import type { ApiRequest } from "../../../src/kubernetes/request.ts";
import { type AccessOptions, accessTo, clientFor, messageOf, serve, TOKEN } from "./api-server.ts";
import { Authority } from "./authority.ts";

// What the client makes of servers that cannot be reached, cannot be trusted, or do not end.

const authority = new Authority();
const foreign = new Authority();
const good = authority.issue("good");
const closing: (() => void)[] = [];

afterEach(() => {
  for (const close of closing.splice(0)) close();
});
afterAll(() => {
  authority.remove();
  foreign.remove();
});

const request: ApiRequest<unknown> = {
  method: "GET",
  path: ["api"],
  right: { verb: "list", resource: "pods" },
  schema: v.unknown(),
};

function https(issued = good, answer = () => Response.json({})): string {
  const { server, stop } = serve(issued, answer);
  closing.push(stop);
  return server;
}

/** A server of our own making; `secure` after the handshake, else from the first byte. */
async function raw(secure: boolean, onSocket: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const handle = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    onSocket(socket);
  };
  const server: Server = secure
    ? createTlsServer({ cert: good.cert, key: good.key }, handle)
    : createServer(handle);
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `https://127.0.0.1:${(server.address() as { port: number }).port}`;
}

async function ask(access: Access, timeoutMs?: number, more: Partial<ApiRequest<unknown>> = {}) {
  const startedAt = performance.now();
  const result = await clientFor(access, timeoutMs).request({ ...request, ...more });
  const said = messageOf(result).replaceAll(access.server, "SERVER");
  expect(`${said}${inspect(result, { depth: 9, showHidden: true })}`).not.toMatch(/SECRET|BEGIN|MII/);
  return { kind: result.ok ? "ok" : result.error.kind, said, ms: performance.now() - startedAt };
}

const to = (server: string, options: Partial<AccessOptions> = {}) =>
  accessTo(authority, { server, ...options });

const unknown = "SERVER has a certificate of an unknown authority:";
test.each([
  [
    "unknown authority",
    {},
    { ca: foreign.cert },
    `${unknown} certificate-authority in /etc/kubeconfig does not match the server`,
  ],
  ["no authority given", {}, { ca: null }, `${unknown} /etc/kubeconfig names no certificate-authority`],
  [
    "expired",
    { to: "20210101000000Z" },
    {},
    "SERVER cannot be trusted: the server's certificate expired (or its authority's): renew it there (or is this node's clock wrong?)",
  ],
  [
    "not valid yet",
    { from: "20900101000000Z" },
    {},
    "SERVER cannot be trusted: the server's certificate is not valid yet (is this node's clock right?)",
  ],
  [
    "another name",
    { names: "DNS:other" },
    {},
    "SERVER cannot be trusted: its certificate is not valid for 127.0.0.1 (tls-server-name in /etc/kubeconfig can say what it is valid for)",
  ],
  [
    "another name than tls-server-name",
    {},
    { serverName: "kubernetes" },
    "SERVER cannot be trusted: its certificate is not valid for kubernetes (tls-server-name in /etc/kubeconfig can say what it is valid for)",
  ],
])("TLS: %s", async (_, issue, options, message) => {
  const server = https(Object.keys(issue).length > 0 ? authority.issue("bad", issue) : good);
  expect(await ask(to(server, options))).toMatchObject({ kind: "tls", said: message });
});

test("TLS: the name is that of tls-server-name", async () => {
  const server = https(authority.issue("named", { names: "DNS:kubernetes" }));
  expect(await ask(to(server, { serverName: "kubernetes" }))).toMatchObject({ kind: "ok" });
});

test("the client certificate is the one at hand, also right after it has rotated", async () => {
  const seen: unknown[] = [];
  const server = createTlsServer(
    { cert: good.cert, key: good.key, ca: authority.cert, requestCert: true, rejectUnauthorized: true },
    (socket: TLSSocket) => {
      socket.on("error", () => undefined);
      socket.once("data", () => {
        seen.push(socket.getPeerCertificate().subject?.CN);
        socket.end("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
      });
    },
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => server.close());
  const url = `https://127.0.0.1:${(server.address() as { port: number }).port}`;
  const [one, two] = ["one", "two"].map((name) => authority.issue(name, { subject: `/CN=${name}` }));
  for (const client of [one, two, one]) {
    expect(await ask(to(url, { client: client ?? null, token: null }))).toMatchObject({ kind: "ok" });
  }
  expect(seen).toEqual(["one", "two", "one"]);
  expect((await ask(to(url, { client: null }))).kind).not.toBe("ok");
  expect((await ask(to(url, { client: foreign.issue("x") }))).kind).not.toBe("ok");
});

const handshake =
  "SERVER does not agree on TLS: it may not speak TLS on that port, or not accept the client certificate";
const closed = "SERVER cannot be reached: the connection was closed before an answer came";
test.each([
  ["resets", false, (it: Socket) => it.once("data", () => it.resetAndDestroy()), "unreachable", closed],
  ["hangs up", false, (it: Socket) => it.once("data", () => it.end()), "unreachable", closed],
  [
    "speaks no TLS",
    false,
    (it: Socket) => it.once("data", () => it.end("HTTP/1.1 400 no\r\n\r\n")),
    "tls",
    handshake,
  ],
  [
    "hangs up within its headers",
    true,
    (it: Socket) => it.once("data", () => it.end("HTTP/1.1 200 OK\r\nX:")),
    "unreachable",
    closed,
  ],
  [
    "hangs up within its body",
    true,
    (it: Socket) => it.once("data", () => it.end("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")),
    "unreachable",
    closed,
  ],
  [
    "is no HTTP server",
    true,
    (it: Socket) => it.once("data", () => it.write("HTTP/1.1 abc\r\n\r\n")),
    "garbage",
    "SERVER answers what is not HTTP: is server in /etc/kubeconfig an API server?",
  ],
  [
    "sends headers without end",
    true,
    (it: Socket) => it.once("data", () => flood(it, "HTTP/1.1 200 OK\r\n", `x: ${"y".repeat(50_000)}\r\n`)),
    "garbage",
    "SERVER sends headers that no API server sends",
  ],
  [
    "sends a body without end",
    true,
    (it: Socket) => it.once("data", () => flood(it, "HTTP/1.1 200 OK\r\n\r\n", "x".repeat(50_000))),
    "garbage",
    "SERVER answers with more than 1 MiB",
  ],
])("a server that %s", async (_, secure, onSocket, kind, message) => {
  const { said, ...rest } = await ask(to(await raw(secure, onSocket)));
  expect(rest).toMatchObject({ kind });
  expect(said).toStartWith(message);
});

function flood(socket: Socket, first: string, then: string): void {
  const more = () => {
    while (!socket.destroyed && socket.write(then));
  };
  socket.write(first);
  socket.on("drain", more);
  more();
}

test("a server that does not listen", async () => {
  expect(await ask(to("https://127.0.0.1:1"))).toMatchObject({
    kind: "unreachable",
    said: "SERVER cannot be reached: connection refused (is it down, or is server in /etc/kubeconfig wrong?)",
  });
});

test.each([
  ["ENOTFOUND", "unreachable", "cannot be reached: its name cannot be resolved"],
  ["EAI_AGAIN", "unreachable", "cannot be reached: its name cannot be resolved at the moment"],
  [
    "ERR_PROXY_TUNNEL",
    "unreachable",
    "cannot be reached: the proxy that HTTPS_PROXY names refused to connect",
  ],
  [
    "InvalidContentLength",
    "garbage",
    "answers what is not HTTP: is server in /etc/kubeconfig an API server?",
  ],
  ["CERT_REVOKED", "tls", "cannot be trusted (CERT_REVOKED)"],
  ["ENEW", "unreachable", "cannot be reached: ENEW"],
  ["", "unreachable", "cannot be reached: unknown error"],
])("code %j of fetch's", (code, kind, text) => {
  const { kind: got, message } = connectionError(to("https://k8s:6443"), code);
  expect([got, message]).toEqual([kind as typeof got, `https://k8s:6443 ${text}`]);
});

const silent = () => undefined;
const dribble = (first: string) => (socket: Socket) => {
  socket.once("data", () => {
    socket.write(first);
    const timer = setInterval(() => socket.write("x"), 50);
    socket.on("close", () => clearInterval(timer));
  });
};
test.each([
  ["says nothing", false, silent],
  ["says nothing after the handshake", true, silent],
  ["dribbles its headers", true, dribble("HTTP/1.1 200 OK\r\nX: ")],
  ["dribbles its body", true, dribble("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")],
])("the time is up for a server that %s, and the connection closed", async (_, secure, onSocket) => {
  const ended = Promise.withResolvers<void>();
  const server = await raw(secure, (socket) => {
    socket.on("close", () => ended.resolve());
    onSocket(socket);
  });
  const { ms, ...rest } = await ask(to(server), 300);
  expect(rest).toEqual({ kind: "timeout", said: "SERVER has not answered within 0.3 s" });
  expect(ms).toBeWithin(280, 600);
  await ended.promise;
});

test("a request ends when its signal says so, before it is sent and after", async () => {
  const server = await raw(true, silent);
  const cancelled = { kind: "unreachable", said: "SERVER was not waited for: the request was cancelled" };
  const early = await ask(to(server), 5000, { signal: AbortSignal.abort(new Error(TOKEN)) });
  expect(early).toMatchObject(cancelled);
  const late = await ask(to(server), 5000, { signal: AbortSignal.timeout(100) });
  expect(late).toMatchObject(cancelled);
  expect(late.ms).toBeWithin(80, 1000);
});

test("an answer as large as allowed is read, one byte more is not; compressed ones are not unpacked", async () => {
  const of = (length: number) => https(good, () => new Response(JSON.stringify("x".repeat(length - 2))));
  expect((await ask(to(of(5000)), 2000, { largestAnswerBytes: 5000 })).kind).toBe("ok");
  expect((await ask(to(of(5001)), 2000, { largestAnswerBytes: 5000 })).kind).toBe("garbage");
  const bomb = Bun.gzipSync(new Uint8Array(64 * 2 ** 20));
  const packed = https(good, () => new Response(bomb, { headers: { "content-encoding": "gzip" } }));
  expect((await ask(to(packed))).said).toStartWith("SERVER answers 200 with not JSON");
});

test("each request has a connection of its own", async () => {
  let connections = 0;
  const server = await raw(true, (socket) => {
    connections++;
    socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"));
  });
  for (let i = 0; i < 3; i++) expect((await ask(to(server))).kind).toBe("ok");
  expect(connections).toBe(3);
});
