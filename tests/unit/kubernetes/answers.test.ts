import { afterAll, afterEach, expect, test } from "bun:test";
import { inspect } from "node:util";
import * as v from "valibot";
import type { ApiRequest } from "../../../src/kubernetes/request.ts";
import { accessTo, clientFor, messageOf, serve, TOKEN } from "./api-server.ts";
import { Authority } from "./authority.ts";

// What the client makes of answers. The bodies are those of a kube-apiserver.

const authority = new Authority();
const issued = authority.issue("server");
const expired = authority.issue("expired", { to: "20210101000000Z" });
let running: ReturnType<typeof serve> | null = null;

afterEach(() => running?.stop());
afterAll(() => authority.remove());

const request: ApiRequest<{ kind: "Event" }> = {
  method: "POST",
  path: ["api", "v1", "namespaces", "default", "events"],
  body: { kind: "Event" },
  right: { verb: "create", resource: "events" },
  schema: v.object({ kind: v.literal("Event") }),
};

interface Reply {
  status?: number;
  body?: unknown;
  headers?: Record<string, string>;
}

async function ask({ status = 200, body, headers = {} }: Reply, client: object = {}) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  running = serve(issued, () => new Response(text, { status, headers }));
  const access = accessTo(authority, { server: running.server, ...client });
  const result = await clientFor(access).request(request);
  return { result, said: messageOf(result).replaceAll(running.server, "SERVER") };
}

const status = (code: number, message: string, rest: object = {}): Reply => ({
  status: code,
  body: { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, code, ...rest },
});

test("a good answer comes out as the schema has it", async () => {
  const { result } = await ask({ status: 201, body: { kind: "Event", metadata: {} } });
  expect(result).toEqual({ ok: true, value: { kind: "Event" } });
});

const forbidden =
  'events is forbidden: User "bob" cannot create resource "events" in API group "" in the namespace "default"';
const terminating =
  'events "e" is forbidden: unable to create new content in namespace dying because it is being terminated';

test.each([
  [
    "401",
    status(401, "Unauthorized"),
    "unauthorized",
    "SERVER does not accept the token of /etc/kubeconfig: renew it, or name other credentials with kubernetes.kubeconfig",
  ],
  [
    "403",
    status(403, forbidden, { details: { kind: "events" } }),
    "forbidden",
    `SERVER does not let us create events: grant it with: oom-guard print rbac | kubectl apply -f - (${forbidden})`,
  ],
  [
    "403 of a namespace that ends",
    status(403, terminating, { details: { causes: [{ reason: "NamespaceTerminating" }] } }),
    "gone",
    `SERVER has no such namespace, or it is being deleted: cannot create events (${terminating})`,
  ],
  [
    "the same in other words",
    status(403, "no", { details: { causes: [{ reason: "NamespaceTerminating" }] } }),
    "gone",
    "SERVER has no such namespace, or it is being deleted: cannot create events (no)",
  ],
  [
    "the same of an old server",
    status(403, terminating),
    "gone",
    `SERVER has no such namespace, or it is being deleted: cannot create events (${terminating})`,
  ],
  [
    "404 of the namespace",
    status(404, 'namespaces "x" not found', { details: { kind: "namespaces" } }),
    "gone",
    'SERVER has no such namespace, or it is being deleted: cannot create events (namespaces "x" not found)',
  ],
  [
    "404 of the object",
    status(404, 'events "x" not found', { details: { kind: "events" } }),
    "not-found",
    'SERVER has no such object: cannot create events (events "x" not found)',
  ],
  [
    "404 of a proxy",
    { status: 404, body: "404 page not found\n" },
    "garbage",
    "SERVER answers 404, but not as an API server does: is it a proxy that answers?",
  ],
  [
    "404 of a proxy that speaks JSON",
    { status: 404, body: { message: "no such host", details: { kind: "namespaces" } } },
    "garbage",
    "SERVER answers 404, but not as an API server does: is it a proxy that answers? (no such host)",
  ],
  [
    "409",
    status(409, 'events "e1" already exists', { reason: "AlreadyExists" }),
    "conflict",
    'SERVER has one of that name already, or a newer one: cannot create events (events "e1" already exists)',
  ],
  [
    "422",
    status(422, "involvedObject.namespace: Invalid value"),
    "rejected",
    "SERVER rejects the request to create events: 422 (involvedObject.namespace: Invalid value)",
  ],
  ["400", status(400, ""), "rejected", "SERVER rejects the request to create events: 400"],
  [
    "413 of a proxy",
    { status: 413, body: "<html>" },
    "garbage",
    "SERVER answers 413, but not as an API server does: is it a proxy that answers?",
  ],
  ["408", { status: 408 }, "server", "SERVER cannot answer at the moment: 408"],
  [
    "500",
    status(500, "etcdserver: request timed out"),
    "server",
    "SERVER cannot answer at the moment: 500 (etcdserver: request timed out)",
  ],
  ["502 of a proxy", { status: 502, body: "<html>" }, "server", "SERVER cannot answer at the moment: 502"],
  [
    "a redirect",
    { status: 302, headers: { location: "https://evil.example/" } },
    "garbage",
    "SERVER redirects (302), which is not followed",
  ],
  [
    "200 with HTML",
    { body: "<html>", headers: { "content-type": "text/html" } },
    "garbage",
    "SERVER answers 200 with not JSON (text/html): is server in /etc/kubeconfig an API server?",
  ],
  [
    "200 with another object",
    { body: { kind: "Pod" } },
    "garbage",
    "SERVER answers 200 with not what was asked for: is server in /etc/kubeconfig an API server?",
  ],
  [
    "200 with nothing",
    { body: "" },
    "garbage",
    "SERVER answers 200 with not JSON (no content type): is server in /etc/kubeconfig an API server?",
  ],
  [
    "a Status of wrong types",
    { status: 403, body: { message: 7, details: [] } },
    "forbidden",
    "SERVER does not let us create events: grant it with: oom-guard print rbac | kubectl apply -f -",
  ],
  ["a Status that is null", { status: 500, body: null }, "server", "SERVER cannot answer at the moment: 500"],
])("%s", async (_, reply: Reply, kind, message) => {
  const { result, said } = await ask(reply);
  expect(result).toMatchObject({
    ok: false,
    error: { kind, right: kind === "forbidden" ? request.right : null },
  });
  expect(said).toBe(message);
});

test("401 names the certificate that has expired", async () => {
  const { said } = await ask(status(401, "Unauthorized"), { token: null, client: expired });
  expect(said).toBe(
    "SERVER does not accept the client certificate of /etc/kubeconfig (the client certificate expired at 2021-01-01T00:00:00.000Z): renew it, or name other credentials with kubernetes.kubeconfig",
  );
});

test.each([
  ["429 with seconds", { status: 429, headers: { "retry-after": "7" } }, 7000],
  ["503 with seconds", { status: 503, headers: { "retry-after": "1" } }, 1000],
  ["429 with the Status' seconds", status(429, "", { details: { retryAfterSeconds: 3 } }), 3000],
  ["429 with neither", { status: 429 }, null],
  ["429 with nonsense", { status: 429, headers: { "retry-after": "soon" } }, null],
  ["429 with a year", { status: 429, headers: { "retry-after": "31536000" } }, 3_600_000],
  ["403 with seconds", { status: 403, headers: { "retry-after": "7" } }, null],
])("Retry-After: %s", async (_, reply: Reply, retryAfterMs) => {
  const { result } = await ask(reply);
  expect(result).toMatchObject({ ok: false, error: { retryAfterMs } });
});

test("what the server says is printable, cut, and without what it was sent", async () => {
  const client = authority.issue("client");
  const line = client.key.split("\n")[1];
  const echo = `\x1b[2J ${TOKEN} ${client.key} ${line} ${client.cert} ${"x".repeat(250)}${TOKEN}`;
  for (const code of [400, 401, 403, 404, 409, 429, 500]) {
    const { result } = await ask(status(code, echo, { details: { kind: echo } }), { client });
    const error = result.ok ? null : result.error;
    const shown = [
      error?.message,
      inspect(error, { depth: 9, showHidden: true }),
      JSON.stringify(error),
      String(error?.cause),
    ];
    expect(shown.join("\n")).not.toMatch(/SECRET|BEGIN|\x1b\[2J/);
    expect(shown.join("\n")).not.toContain(line ?? "");
    expect(error?.message).toMatch(/^[\x20-\x7e…]{1,700}$/);
    running?.stop();
  }
});

test("a redirect is not followed, and the token not sent on", async () => {
  const seen: string[] = [];
  const other = serve(issued, (it) => {
    seen.push(it.headers.get("authorization") ?? "");
    return Response.json({ kind: "Event" });
  });
  for (const code of [301, 302, 303, 307, 308]) {
    const { result } = await ask({ status: code, headers: { location: `${other.server}/x` } });
    expect(result).toMatchObject({ ok: false, error: { kind: "garbage" } });
    running?.stop();
  }
  other.stop();
  expect(seen).toEqual([]);
});
