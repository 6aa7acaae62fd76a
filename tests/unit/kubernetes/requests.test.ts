import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import packageFile from "../../../package.json" with { type: "json" };
import { reviewRight } from "../../../src/kubernetes/access-review.ts";
import { ApiError } from "../../../src/kubernetes/api-error.ts";
import { ApiClient } from "../../../src/kubernetes/client.ts";
import type { CoreEvent } from "../../../src/kubernetes/core-event.ts";
import { createEvent, updateEvent } from "../../../src/kubernetes/events.ts";
import { readAllocatable } from "../../../src/kubernetes/node.ts";
import { listNodePods } from "../../../src/kubernetes/pods.ts";
import { rights } from "../../../src/kubernetes/rights.ts";
import { serverVersion } from "../../../src/kubernetes/server-version.ts";
import { accessTo, clientFor, messageOf, serve, TOKEN } from "./api-server.ts";
import { Authority } from "./authority.ts";

// What the calls send, as a server sees it, and what they take from its answers.

const authority = new Authority();
let api: ReturnType<typeof serve>;
let answer: unknown;
let seen: { method: string; url: string; headers: Headers; body: string }[] = [];

beforeAll(() => {
  api = serve(authority.issue("server"), async (request) => {
    const { method, headers } = request;
    seen.push({ method, url: request.url.slice(api.server.length), headers, body: await request.text() });
    return Response.json(answer);
  });
});

beforeEach(() => {
  seen = [];
});

afterAll(() => {
  api.stop();
  authority.remove();
});

const client = () => clientFor(accessTo(authority, { server: api.server }));

const event: CoreEvent = {
  apiVersion: "v1",
  kind: "Event",
  metadata: { name: "cart-7.17", namespace: "shop" },
  involvedObject: { apiVersion: "v1", kind: "Pod", namespace: "shop", name: "cart-7", uid: "u" },
  reason: "OOMGuardKill",
  message: "killed",
  type: "Warning",
  source: { component: "oom-guard", host: "n1" },
  reportingComponent: "oom-guard",
  reportingInstance: "n1",
  firstTimestamp: "2030-01-01T00:00:00Z",
  lastTimestamp: "2030-01-01T00:00:00Z",
  count: 1,
};

test("createEvent posts the Event with our headers", async () => {
  answer = { ...event, metadata: { ...event.metadata, uid: "x" } };
  expect(await createEvent(client(), event)).toEqual({ ok: true, value: null });
  const [request] = seen;
  expect(request).toMatchObject({ method: "POST", url: "/api/v1/namespaces/shop/events" });
  expect(JSON.parse(request?.body ?? "")).toEqual(event);
  expect(Object.fromEntries(request?.headers ?? [])).toMatchObject({
    accept: "application/json",
    authorization: `Bearer ${TOKEN}`,
    "content-type": "application/json",
    "user-agent": `oom-guard/${packageFile.version}`,
  });
});

test("updateEvent merges the three fields and no others", async () => {
  answer = event;
  const update = { ...event, message: "again", count: 2 };
  expect(await updateEvent(client(), "shop", "cart-7.17", update)).toEqual({ ok: true, value: null });
  const [request] = seen;
  expect(request).toMatchObject({ method: "PATCH", url: "/api/v1/namespaces/shop/events/cart-7.17" });
  expect(request?.headers.get("content-type")).toBe("application/merge-patch+json");
  expect(JSON.parse(request?.body ?? "")).toEqual({
    message: "again",
    count: 2,
    lastTimestamp: event.lastTimestamp,
  });
});

test("listNodePods asks for this node's pods from the cache, and skips those it cannot read", async () => {
  const pod = (name: string) => ({ metadata: { namespace: "a", name, uid: "u" }, spec: { containers: [] } });
  answer = { kind: "PodList", items: [pod("one"), pod("../two"), null, pod("three")] };
  const result = await listNodePods(client(), "n1");
  expect(result.ok && result.value.map(({ name }) => name)).toEqual(["one", "three"]);
  expect(seen).toMatchObject([
    { method: "GET", url: "/api/v1/pods?fieldSelector=spec.nodeName%3Dn1&resourceVersion=0", body: "" },
  ]);
});

test("an empty list may be null", async () => {
  answer = { kind: "PodList", items: null };
  expect(await listNodePods(client(), "n1")).toEqual({ ok: true, value: [] });
});

test("a node's name cannot add a parameter", async () => {
  answer = { kind: "PodList", items: [] };
  await listNodePods(client(), "n1&limit=1 ü");
  expect(seen[0]?.url).toBe(
    "/api/v1/pods?fieldSelector=spec.nodeName%3Dn1%26limit%3D1+%C3%BC&resourceVersion=0",
  );
});

describe("a name in the path", () => {
  test.each([
    ["a/b", "/api/v1/namespaces/a%2Fb/events/e"],
    ["a?b#c", "/api/v1/namespaces/a%3Fb%23c/events/e"],
    ["%2e%2e", "/api/v1/namespaces/%252e%252e/events/e"],
    ["a b\r\nx: y", "/api/v1/namespaces/a%20b%0D%0Ax%3A%20y/events/e"],
  ])("%j is encoded", async (namespace, url) => {
    answer = event;
    await updateEvent(client(), namespace, "e", event);
    expect(seen[0]?.url).toBe(url);
  });

  test.each(["", ".", "..", "\ud800"])("%j is not sent at all", async (namespace) => {
    const result = await updateEvent(client(), namespace, "e", event);
    expect(result).toMatchObject({ ok: false, error: { kind: "rejected" } });
    expect(messageOf(result)).toEndWith(" was not asked: a name that cannot be one");
    expect(seen).toEqual([]);
  });
});

test("without access nothing is sent, and the reason is handed on", async () => {
  const error = new ApiError("unconfigured", "nothing there");
  expect(await listNodePods(clientFor({ ok: false, error }), "n1")).toEqual({ ok: false, error });
});

test("a server below a path", async () => {
  answer = { kind: "PodList", items: [] };
  await listNodePods(clientFor(accessTo(authority, { server: `${api.server}/k8s/clusters/c` })), "n1");
  expect(seen[0]?.url).toStartWith("/k8s/clusters/c/api/v1/pods?");
});

test("where to and with what is asked anew for each request", async () => {
  answer = { kind: "PodList", items: [] };
  const tokens = ["first", "second"];
  const rotating = new ApiClient({
    access: () => ({
      ok: true,
      value: accessTo(authority, { server: api.server, token: tokens[seen.length] ?? "" }),
    }),
  });
  for (const _ of tokens) expect(await listNodePods(rotating, "n1")).toMatchObject({ ok: true });
  expect(seen.map(({ headers }) => headers.get("authorization"))).toEqual(["Bearer first", "Bearer second"]);
});

describe("reviewRight asks whether we may", () => {
  const listPods = {
    ...rights.listPods,
    fieldSelector: { requirements: [{ key: "spec.nodeName", operator: "In", values: ["n1"] }] },
  };
  test.each([
    ["create events, anywhere", rights.createEvents, { ...rights.createEvents }],
    ["patch events, anywhere", rights.patchEvents, { ...rights.patchEvents }],
    ["list the pods of the node", rights.listPods, listPods],
    ["get the node", rights.getNode, { ...rights.getNode, name: "n1" }],
  ])("%s", async (_, right, resourceAttributes) => {
    answer = { kind: "SelfSubjectAccessReview", status: { allowed: true, reason: "RBAC: allowed by ..." } };
    expect(await reviewRight(client(), right, "n1")).toEqual({ ok: true, value: true });
    const [request] = seen;
    expect(request).toMatchObject({
      method: "POST",
      url: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    });
    expect(JSON.parse(request?.body ?? "")).toEqual({
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectAccessReview",
      spec: { resourceAttributes },
    });
  });

  test.each([
    ["no is no", { allowed: false }, { ok: true, value: false }],
    ["no word is no answer", {}, { ok: false }],
  ])("%s", async (_, status, expected) => {
    answer = { kind: "SelfSubjectAccessReview", status };
    expect(await reviewRight(client(), rights.createEvents, "n1")).toMatchObject(expected);
  });
});

describe("readAllocatable", () => {
  const node = (memory?: unknown) => ({ kind: "Node", status: { allocatable: { cpu: "2", memory } } });

  test.each([
    ["takes what the node has to give, in bytes", "7816Mi", 7816 * 2 ** 20],
    ["a quantity that is none", "lots", null],
  ])("%s", async (_, memory, value) => {
    answer = node(memory);
    expect(await readAllocatable(client(), "n1")).toEqual({ ok: true, value });
    expect(seen[0]).toMatchObject({ method: "GET", url: "/api/v1/nodes/n1?resourceVersion=0" });
  });

  test.each([
    ["does not say", node()],
    ["says a number", node(7)],
    ["is another kind", { ...node("1Gi"), kind: "Pod" }],
    ["has no status", { kind: "Node" }],
  ])("an object that %s is no answer", async (_, value) => {
    answer = value;
    expect(await readAllocatable(client(), "n1")).toMatchObject({ ok: false });
  });

  test("a node's name leads nowhere else", async () => {
    await readAllocatable(client(), "n1/../../secrets");
    expect(seen[0]?.url).toBe("/api/v1/nodes/n1%2F..%2F..%2Fsecrets?resourceVersion=0");
  });
});

test("serverVersion takes the version's name", async () => {
  answer = { major: "1", minor: "20", gitVersion: "v1.20.2" };
  expect(await serverVersion(client())).toEqual({ ok: true, value: "v1.20.2" });
  expect(seen[0]).toMatchObject({ method: "GET", url: "/version" });
});
