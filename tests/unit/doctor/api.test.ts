import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkApiRights, judgeRights } from "../../../src/doctor/api-rights.ts";
import { checkApiServer, judgeServer } from "../../../src/doctor/api-server.ts";
import { ApiError, type ApiErrorKind, type Right } from "../../../src/kubernetes/api-error.ts";
import { ApiClient } from "../../../src/kubernetes/client.ts";
import { ClusterAccess } from "../../../src/kubernetes/cluster-access.ts";
import { rights } from "../../../src/kubernetes/rights.ts";
import { accessTo, serve } from "../kubernetes/api-server.ts";
import { Authority, type Issued } from "../kubernetes/authority.ts";
import { tree } from "./tree.ts";

interface Answer {
  readonly status?: number;
  readonly body: object;
}

const authority = new Authority();
const folder = tree();
const NOW = Date.parse("2030-06-01T00:00:00Z");
let api: ReturnType<typeof serve>;
let node: Issued;
/** By the last segment of the path; a review's by "verb resource". */
let answers: Record<string, Answer>;

beforeAll(() => {
  node = authority.issue("node", {
    subject: "/O=system:nodes/CN=system:node:n1",
    from: "20300101000000Z",
    to: "20310101000000Z",
  });
  api = serve(authority.issue("server"), async (request) => {
    const { pathname } = new URL(request.url);
    const { status = 200, body } =
      answers[pathname === "/version" ? "version" : rightOf(await request.text())] ?? review(true);
    return Response.json(body, { status });
  });
});

beforeEach(() => {
  answers = { version: { body: { gitVersion: "v1.20.2" } } };
});

afterAll(() => {
  api.stop();
  authority.remove();
});

const review = (allowed: boolean): Answer => ({
  body: { kind: "SelfSubjectAccessReview", status: { allowed, reason: "" } },
});

const refusal = (status: number, message = "no"): Answer => ({ status, body: { kind: "Status", message } });

function rightOf(text: string): string {
  const { spec } = JSON.parse(text) as { spec: { resourceAttributes: Right } };
  return `${spec.resourceAttributes.verb} ${spec.resourceAttributes.resource}`;
}

function connect(kubeconfig: string, nodeName = "n1", env: Record<string, string> = {}) {
  const access = new ClusterAccess({ kubeconfig, nodeName }, env);
  return { access, client: new ApiClient({ access: () => access.read(), timeoutMs: 2000 }) };
}

/** A kubeconfig with a token for that server. */
function kubeconfig(server: string): string {
  const path = join(folder, "kubeconfig");
  const text = {
    clusters: [{ name: "c", cluster: { server, "certificate-authority": authority.certPath } }],
    users: [{ name: "u", user: { token: "a-token-of-some-length" } }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
  };
  writeFileSync(path, Bun.YAML.stringify(text));
  return path;
}

describe("api-server:", () => {
  const look = (file: string) => {
    const { access, client } = connect(file);
    return checkApiServer(access, client, NOW);
  };

  test("off is skipped", async () => {
    expect(await look("off")).toEqual({
      outcome: "skip",
      detail: "off (kubernetes.kubeconfig): no Events",
      fix: null,
    });
  });

  test("a file that is not there fails", async () => {
    expect(await look("/nonexistent/kubeconfig")).toMatchObject({
      outcome: "fail",
      detail: "kubeconfig /nonexistent/kubeconfig: does not exist",
    });
  });

  test("a server that lets us in is told with its version, the credentials and the node's name", async () => {
    const file = kubeconfig(api.server);
    expect(await look(file)).toEqual({
      outcome: "ok",
      detail: `v1.20.2 at ${api.server}, TLS verified, by the token of ${file}, as node n1`,
      fix: null,
    });
  });

  test("one that the shell's $KUBECONFIG names is a warning: a service looks elsewhere", async () => {
    const env = { KUBECONFIG: kubeconfig(api.server) };
    const { access, client } = connect("auto", "n1", env);
    expect(await checkApiServer(access, client, NOW)).toMatchObject({
      outcome: "warn",
      detail: expect.stringContaining("$KUBECONFIG names it"),
      fix: expect.stringContaining("unset KUBECONFIG"),
    });
    // What the configuration names, and what a pod is given, counts for the guard, too.
    const named = connect(env.KUBECONFIG, "n1", env);
    const pod = connect("auto", "n1", { ...env, KUBERNETES_SERVICE_HOST: "10.0.0.1" });
    for (const it of [named, pod])
      expect(await checkApiServer(it.access, it.client, NOW)).toMatchObject({ outcome: "ok" });
  });

  test("one that keeps its version to itself lets us in all the same", async () => {
    answers.version = refusal(403);
    const found = await look(kubeconfig(api.server));
    expect(found).toMatchObject({ outcome: "ok", detail: expect.stringContaining(`${api.server}, TLS`) });
  });

  test("one that does not know us, or is not there, fails", async () => {
    answers.version = refusal(401, "Unauthorized");
    const file = kubeconfig(api.server);
    expect(await look(file)).toMatchObject({
      outcome: "fail",
      detail: expect.stringContaining("does not accept the token"),
      fix: `renew the credentials in ${file}; oom-guard print rbac tells how`,
    });
    const away = await look(kubeconfig("https://127.0.0.1:1"));
    expect(away).toMatchObject({ outcome: "fail", detail: expect.stringContaining("connection refused") });
  });

  test.each<[ApiErrorKind, string]>([
    ["tls", "correct certificate-authority"],
    ["timeout", "Events wait"],
    ["garbage", "correct server"],
  ])("the fix for %s", (kind, fix) => {
    const access = accessTo(authority, { server: "https://k" });
    const error = new ApiError(kind, "x");
    expect(judgeServer(access, { ok: false, error }, "n1", NOW).fix).toContain(fix);
  });

  test.each([
    ["half of its life is over", "2030-07-01T00:00:00Z", "ok"],
    ["a tenth is left", "2030-11-25T00:00:00Z", "ok"],
    ["less than a tenth is left", "2030-11-26T00:00:00Z", "warn"],
    ["it is over", "2031-01-02T00:00:00Z", "warn"],
  ])("the client certificate, when %s: %p %s", (_, now, outcome) => {
    const access = accessTo(authority, { server: "https://k", client: node, token: null });
    const found = judgeServer(access, { ok: true, value: "v1" }, "n1", Date.parse(now));
    expect(found.outcome).toBe(outcome as "ok");
    if (outcome === "warn") expect(found.detail).toContain("ends at 2031-01-01T00:00:00.000Z, in ");
  });
});

describe("api-rights:", () => {
  const look = () => {
    const { access, client } = connect(kubeconfig(api.server));
    return checkApiRights(access, client);
  };

  test("all are there", async () => {
    expect(await look()).toEqual({
      outcome: "ok",
      detail: "may create events, patch events, list pods, get nodes",
      fix: null,
    });
  });

  test.each(Object.values(rights).map(({ verb, resource }) => [`${verb} ${resource}`]))(
    "without %s it says what grants it; it fails, unless only scan needs it",
    async (right) => {
      answers[right] = review(false);
      expect(await look()).toEqual({
        outcome: right === "get nodes" ? "warn" : "fail",
        detail: `may not ${right}`,
        fix: "oom-guard print rbac | kubectl apply -f -",
      });
    },
  );

  test("one that is missing counts for more than one that is not told", async () => {
    answers["create events"] = refusal(500);
    answers["list pods"] = review(false);
    expect(await look()).toMatchObject({ outcome: "fail", detail: "may not list pods" });
  });

  test("a server that does not answer is another check's matter", async () => {
    answers["create events"] = refusal(500);
    expect(await look()).toMatchObject({
      outcome: "skip",
      detail: expect.stringContaining("cannot be asked"),
    });
    const off = connect("off");
    expect(await checkApiRights(off.access, off.client)).toMatchObject({ outcome: "skip" });
  });

  test("a user that may not ask is told of", async () => {
    answers["create events"] = refusal(403);
    expect(await look()).toMatchObject({
      outcome: "warn",
      fix: expect.stringContaining("system:basic-user"),
    });
  });

  test("what the printed account is granted does not help a kubelet's own credentials", () => {
    const answer = { right: rights.createEvents, allowed: { ok: true, value: false } } as const;
    expect(judgeRights([answer], "system:node:n1").fix).toBe(
      "oom-guard print rbac | kubectl apply -f -, and give it a kubeconfig of that account",
    );
  });
});
