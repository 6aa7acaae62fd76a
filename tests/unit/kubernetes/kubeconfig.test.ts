import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import type { Access } from "../../../src/kubernetes/access.ts";
import { readKubeconfig } from "../../../src/kubernetes/kubeconfig.ts";
import { Authority, type Issued } from "./authority.ts";

const authority = new Authority();
let folder = "";
let pair: Issued;
let other: Issued;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "oom-guard-kubeconfig-"));
  pair = authority.issue("node", { subject: "/O=system:nodes/CN=system:node:n1", to: "20310203040506Z" });
  other = authority.issue("other");
  mkdirSync(join(folder, "pki"));
  Bun.spawnSync(["mkfifo", join(folder, "fifo")]);
  const files: Record<string, string> = {
    "pki/ca.crt": `# the cluster's\n${authority.cert}`,
    "pki/both-1.pem": `${pair.cert}${pair.key}`,
    "pki/half.pem": pair.cert.slice(0, 200),
    "pki/mixed.pem": `${pair.cert}${other.key}`,
    "pki/cut.pem": `${pair.cert}-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n`,
    "pki/two.crt": `${authority.cert}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`,
    "pki/huge": "x".repeat(256 * 1024 + 1),
    "pki/empty": "\n",
    token: "  from-file\n",
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  symlinkSync("both-1.pem", join(folder, "pki/current.pem"));
});

afterAll(() => {
  authority.remove();
  rmSync(folder, { recursive: true });
});

const base = { server: "https://10.0.0.1:6443", "certificate-authority": "pki/ca.crt" };

/** A kubeconfig in JSON, which is YAML. */
function file(cluster: object, user: unknown, rest: object = {}): string {
  return JSON.stringify({
    "current-context": "c",
    contexts: [{ name: "c", context: { cluster: "k", user: "u" } }],
    clusters: [{ name: "k", cluster: { ...base, ...cluster } }],
    users: [{ name: "u", user }],
    ...rest,
  });
}

function read(text: string) {
  const path = join(folder, "config");
  writeFileSync(path, text);
  return readKubeconfig(path);
}

function access(text: string): Access {
  const result = read(text);
  if (result === "absent" || !result.ok) throw new Error(result === "absent" ? result : result.message);
  return result.value;
}

function refusal(text: string): string {
  const result = read(text);
  if (result === "absent" || result.ok) throw new Error("was read");
  return result.message.replace(`kubeconfig ${join(folder, "config")}: `, "").replaceAll(`${folder}/`, "");
}

test("kubeadm's kubelet.conf: YAML, and one file behind a link for certificate and key", () => {
  const current = join(folder, "pki/current.pem");
  const found = access(`apiVersion: v1
kind: Config
clusters:
- cluster:
    certificate-authority-data: ${btoa(authority.cert)}
    server: https://10.0.0.1:6443/
  name: default-cluster
contexts:
- context: {cluster: default-cluster, namespace: default, user: default-auth}
  name: default-context
current-context: default-context
preferences: {}
users:
- name: default-auth
  user:
    client-certificate: ${current}
    client-key: ${current}
`);
  expect(found).toMatchObject({
    server: "https://10.0.0.1:6443",
    serverName: null,
    source: join(folder, "config"),
    commonName: "system:node:n1",
    issued: new Date("2020-01-01T00:00:00Z"),
    expires: new Date("2031-02-03T04:05:06Z"),
    credentials: "the client certificate",
  });
  expect(found.secrets()).toEqual({
    ca: authority.cert,
    clientCert: pair.cert,
    clientKey: pair.key,
    token: null,
  });
});

test("-data beats the file, which is not even looked at", () => {
  const data = { "certificate-authority-data": btoa(authority.cert), "certificate-authority": "missing" };
  const user = {
    "client-certificate-data": btoa(pair.cert),
    "client-certificate": "missing",
    "client-key-data": btoa(pair.key),
    "client-key": "missing",
  };
  expect(access(file(data, user)).secrets().clientKey).toBe(pair.key);
});

test.each([
  ["token", { token: " t\n" }, "t"],
  ["tokenFile", { tokenFile: "token" }, "from-file"],
  ["tokenFile, which beats token", { token: "t", tokenFile: "token" }, "from-file"],
  ["token while tokenFile is not there", { token: "t", tokenFile: "missing" }, "t"],
])("the token comes from %s", (_, user, token) => {
  const found = access(file({ "tls-server-name": "kubernetes" }, user));
  expect(found.secrets().token).toBe(token);
  expect(found).toMatchObject({ serverName: "kubernetes", expires: null, credentials: "the token" });
});

test("what is empty or null is as if it were not there", () => {
  const cluster = { "proxy-url": "", "tls-server-name": null, "insecure-skip-tls-verify": false };
  const user = { token: "t", tokenFile: "", exec: null, "auth-provider": null, username: "", password: "" };
  expect(access(file(cluster, user)).serverName).toBeNull();
});

test("the only context needs no current-context", () => {
  expect(access(file({}, { token: "t" }, { "current-context": "" })).server).toBe(base.server);
});

test.each([
  ["https://k8s.example", "https://k8s.example"],
  ["https://k8s.example:443/", "https://k8s.example"],
  ["https://[fd00::1]:6443", "https://[fd00::1]:6443"],
  ["https://rancher.example/k8s/clusters/c-1/", "https://rancher.example/k8s/clusters/c-1"],
])("server %s", (server, expected) => {
  expect(access(file({ server }, { token: "t" })).server).toBe(expected);
});

const alternatives =
  "use a client certificate, token, tokenFile, the kubelet's kubeconfig, or a service account's token";
const two = ["a", "b"].map((name) => ({ name, context: { cluster: "k", user: "u" } }));
const ok = { token: "t" };
const secret = "SECRET";

describe("is refused in one line that says what to do:", () => {
  test.each([
    [
      "no current-context of two",
      file({}, ok, { "current-context": "", contexts: two }),
      'has no current-context: set it to one of "a", "b"',
    ],
    ["no contexts at all", file({}, ok, { "current-context": null, contexts: null }), "has no contexts"],
    ["an empty file", "", "not a kubeconfig: must be a mapping"],
    ["a list", "[]", "has no contexts"],
    [
      "a context that is not there",
      file({}, ok, { "current-context": "x\x1b" }),
      'current-context "x\\x1b" is not among its contexts',
    ],
    [
      "a cluster that is not there",
      file({}, ok, { clusters: [] }),
      'context "c" names the cluster "k", which is not there',
    ],
    [
      "a user that is not there",
      file({}, ok, { users: [] }),
      'context "c" names the user "u", which is not there',
    ],
    [
      "a context without user",
      file({}, ok, { contexts: [{ name: "c", context: { cluster: "k" } }] }),
      'context "c" names no user',
    ],
    ["no server", file({ server: "" }, ok), "the cluster has no server"],
    [
      "http",
      file({ server: "http://10.0.0.1" }, ok),
      "server is http://, which is refused: it must be https://",
    ],
    ["no URL", file({ server: "10.0.0.1:6443" }, ok), "server must be a URL, https://host:port"],
    [
      "a password in the URL",
      file({ server: `https://u:${secret}@h` }, ok),
      "server must be https://host:port/path without user, query or fragment",
    ],
    [
      "a proxy",
      file({ "proxy-url": "http://p" }, ok),
      "proxy-url is not supported: let the server be reached directly",
    ],
    [
      "no verification",
      file({ "insecure-skip-tls-verify": true }, ok),
      "insecure-skip-tls-verify is refused, TLS is always verified: give certificate-authority instead",
    ],
    [
      "an exec plugin",
      file({}, { exec: { command: "aws" } }),
      `exec plugins are not supported: ${alternatives}`,
    ],
    [
      "an auth-provider",
      file({}, { "auth-provider": { name: "gcp" } }),
      `auth-provider is not supported: ${alternatives}`,
    ],
    [
      "basic auth",
      file({}, { username: "u", password: secret }),
      `username and password are refused, Kubernetes has no basic auth any more: ${alternatives}`,
    ],
    [
      "acting as another",
      file({}, { ...ok, as: "root" }),
      "acting as another user (as) is not supported: give it credentials of its own",
    ],
    [
      "no credentials",
      file({}, null),
      "the user has no credentials: give it a client-certificate and client-key, token or tokenFile",
    ],
    [
      "broken base64",
      file({ "certificate-authority-data": `${secret}!` }, ok),
      "certificate-authority-data is not base64 of a PEM text",
    ],
    [
      "base64 of no text",
      file({ "certificate-authority-data": "/////w==" }, ok),
      "certificate-authority-data is not base64 of a PEM text",
    ],
    [
      "base64 of no PEM",
      file({ "certificate-authority-data": btoa(secret) }, ok),
      "certificate-authority holds no certificate (PEM)",
    ],
    [
      "huge data",
      file({ "certificate-authority-data": "A".repeat(400_000) }, ok),
      "certificate-authority-data is too large",
    ],
    [
      "an authority that is not there",
      file({ "certificate-authority": "missing" }, ok),
      "certificate-authority missing does not exist",
    ],
    [
      "an authority's file of two, one broken",
      file({ "certificate-authority": "pki/two.crt" }, ok),
      "certificate-authority holds a certificate that cannot be read (is it being written?)",
    ],
    [
      "an authority in a directory",
      file({ "certificate-authority": "pki" }, ok),
      "certificate-authority pki is a directory, must be a file",
    ],
    [
      "a FIFO",
      file({}, { tokenFile: "fifo" }),
      "tokenFile fifo must be a regular file, not a pipe, socket or device",
    ],
    [
      "a device",
      file({}, { tokenFile: "/dev/zero" }),
      "tokenFile /dev/zero must be a regular file, not a pipe, socket or device",
    ],
    [
      "a huge token",
      file({}, { tokenFile: "pki/huge" }),
      "tokenFile pki/huge is too large, must be at most 256K",
    ],
    ["an empty token", file({}, { tokenFile: "pki/empty" }), "tokenFile is empty"],
    [
      "a token of two lines",
      file({}, { token: `${secret}\nx: y` }),
      "token holds spaces, line breaks or other characters no token has",
    ],
    [
      "a token beyond ASCII",
      file({}, { token: `${secret}é` }),
      "token holds spaces, line breaks or other characters no token has",
    ],
    [
      "a certificate without key",
      file({}, { "client-certificate": "pki/current.pem" }),
      "the user has a client-certificate, but no client-key",
    ],
    [
      "a key without certificate",
      file({}, { ...ok, "client-key": "pki/current.pem" }),
      "the user has a client-key, but no client-certificate",
    ],
    [
      "a half-written certificate",
      file({}, both("pki/half.pem")),
      "the client certificate holds no certificate (PEM)",
    ],
    [
      "a certificate before its key came",
      file({}, both("pki/ca.crt")),
      "the client key holds no private key (PEM)",
    ],
    [
      "a broken key",
      file({}, both("pki/cut.pem")),
      "the client key cannot be read (is it encrypted, or being written?)",
    ],
    [
      "a pair in the middle of rotation",
      file({}, both("pki/mixed.pem")),
      "the client certificate and the client key do not belong together (are they being rotated?)",
    ],
    ["broken YAML", `token: ${secret}\n  x: : y`, "not valid YAML"],
    ["YAML without end", "[".repeat(100_000), "not valid YAML"],
    ["two documents", "---\na: 1\n---\nb: 2\n", "has no contexts"],
    ["a number for a token", file({}, { token: 5 }), "users #1 user.token must be text"],
    ["text for a list", file({}, ok, { users: secret }), "users must be a list"],
    ["a user without name", file({}, ok, { users: [{ user: ok }] }), "users #1 name is missing"],
    ["text for a mapping", file({}, secret), "users #1 user must be a mapping"],
    ["a huge file", `# ${"x".repeat(1024 * 1024)}`, "is too large, must be at most 1024K"],
  ])("%s", (_, text, message) => {
    expect(refusal(text)).toBe(message);
    expect(message).not.toContain(secret);
  });

  function both(path: string) {
    return { "client-certificate": path, "client-key": path };
  }
});

test("a file that is not there is absent", () => {
  expect(readKubeconfig(join(folder, "missing"))).toBe("absent");
  expect(readKubeconfig(join(folder, "config/file"))).toBe("absent");
});

test("an access can be printed, inspected and sent without its secrets", () => {
  const user = {
    token: "SECRET-TOKEN",
    "client-certificate": "pki/current.pem",
    "client-key": "pki/current.pem",
  };
  const found = access(file({}, user));
  const shown = [
    Bun.inspect(found),
    inspect(found, { showHidden: true, getters: true, depth: 9 }),
    JSON.stringify(found),
    JSON.stringify({ ...found }),
    String(found),
  ].join("\n");
  expect(shown).toContain("https://10.0.0.1:6443");
  expect(shown).not.toMatch(/SECRET|BEGIN|MII/);
});

test("text of the server's is freed of every secret, ours and those of a known shape", () => {
  const user = {
    token: "SECRET-TOKEN",
    "client-certificate": "pki/current.pem",
    "client-key": "pki/current.pem",
  };
  const found = access(file({}, user));
  const line = (pem: string) => pem.split("\n")[1] ?? "";
  const echoes = [
    "SECRET-TOKEN",
    pair.key,
    line(pair.key),
    line(pair.cert),
    line(authority.cert),
    btoa(pair.key),
  ];
  const foreign = ["eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJr.c2ln", "Bearer abcdefghijklmnopqrst", other.key];
  for (const secret of [...echoes, ...foreign]) {
    const text = found.redact(`<${secret}> tail`);
    expect(text).not.toContain(secret);
    expect(text).toContain("[redacted]");
  }
  expect(found.redact("the bearer token is not known")).toBe("the bearer token is not known");
});

test.each(["eyJ-", "eyJ", "eyJa.", "bearer ", "Bearer\n\n", "-----BEGIN"])(
  "a megabyte of %j does not hold up the main thread",
  (piece) => {
    const found = access(file({}, { token: "SECRET-TOKEN" }));
    const startedMs = performance.now();
    found.redact(piece.repeat(2 ** 20 / piece.length));
    expect(performance.now() - startedMs).toBeLessThan(2000);
  },
);
