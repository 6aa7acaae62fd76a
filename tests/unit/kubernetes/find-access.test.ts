import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { findAccess } from "../../../src/kubernetes/find-access.ts";
import { Authority } from "./authority.ts";

const authority = new Authority();
let root = "";

beforeEach(() => {
  if (root !== "") rmSync(root, { recursive: true });
  root = mkdtempSync(join(tmpdir(), "oom-guard-access-"));
});

afterAll(() => {
  authority.remove();
  rmSync(root, { recursive: true });
});

const account = "/var/run/secrets/kubernetes.io/serviceaccount";
const inPod = { KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_SERVICE_PORT: "443" };
const places = [
  "/etc/kubernetes/oom-guard.conf",
  "/etc/kubernetes/kubelet.conf",
  "/etc/kubernetes/kubelet-kubeconfig",
  "/var/lib/kubelet/kubeconfig",
  "/var/lib/rancher/k3s/agent/kubelet.kubeconfig",
];

function put(path: string, text: string): string {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

function kubeconfig(user: object = { token: "t" }): string {
  return JSON.stringify({
    contexts: [{ name: "c", context: { cluster: "k", user: "u" } }],
    clusters: [{ name: "k", cluster: { server: "https://10.0.0.1:6443" } }],
    users: [{ name: "u", user }],
  });
}

function putAccount(): void {
  put(`${account}/token`, "pod-token\n");
  put(`${account}/ca.crt`, authority.cert);
}

function auto(env: Record<string, string> = {}) {
  return findAccess({ kubeconfig: "auto", env, root });
}

/** The file (below the root) that was chosen, or what was said. */
function chosen(result = auto()): string {
  return (result.ok ? result.value.source : result.error.message).replaceAll(root, "");
}

test("each place is looked at, the first one that is there counts", () => {
  for (const place of places.toReversed()) {
    put(place, kubeconfig());
    expect(chosen()).toBe(place);
  }
  putAccount();
  expect(chosen()).toBe(places[0] ?? "");
  expect(chosen(auto(inPod))).toBe(account);
  const own = put("/own", kubeconfig());
  expect(chosen(auto({ ...inPod, KUBECONFIG: own }))).toBe("/own");
});

test("the administrator's kubeconfig is never used", () => {
  put("/etc/kubernetes/admin.conf", kubeconfig());
  expect(auto().ok).toBe(false);
});

test("nothing there is nothing found, and says where it looked", () => {
  const result = auto();
  expect(result).toMatchObject({ ok: false, found: false, error: { kind: "unconfigured" } });
  expect(chosen(result)).toBe(
    `no kubeconfig found: looked at $KUBECONFIG, ${[account, ...places].join(", ")}; set kubernetes.kubeconfig, or "off"`,
  );
});

test("off looks nowhere", () => {
  put(places[0] ?? "", kubeconfig());
  const result = findAccess({ kubeconfig: "off", env: {}, root });
  expect(result).toMatchObject({ ok: false, found: false, error: { kind: "unconfigured" } });
});

describe("found but unusable:", () => {
  test("a file that is, and no other identity is tried", () => {
    put(places[0] ?? "", kubeconfig({ exec: {} }));
    put(places[1] ?? "", kubeconfig());
    const result = auto();
    expect(result).toMatchObject({ ok: false, found: true, error: { kind: "unconfigured" } });
    expect(chosen(result)).toStartWith(
      "kubeconfig /etc/kubernetes/oom-guard.conf: exec plugins are not supported",
    );
  });

  test("a configured file that is not there", () => {
    const result = findAccess({ kubeconfig: join(root, "none"), env: {}, root });
    expect(result).toMatchObject({ ok: false, found: true });
    expect(chosen(result)).toBe("kubeconfig /none: does not exist");
  });

  test("a $KUBECONFIG that is not there", () => {
    const result = auto({ KUBECONFIG: join(root, "no\nne") });
    expect(result).toMatchObject({ ok: false, found: true });
    expect(chosen(result)).toBe("kubeconfig /no\\x0ane: does not exist, but $KUBECONFIG names it");
  });

  test.each([
    ["ca.crt that is not there", { token: "t" }, `service account: ca.crt ${account}/ca.crt does not exist`],
    [
      "ca.crt that holds none",
      { token: "t", "ca.crt": "x" },
      "service account: ca.crt holds no certificate (PEM)",
    ],
    ["token that is empty", { token: "", "ca.crt": "x" }, "service account: token is empty"],
  ])("a service account with a %s", (_, files, message) => {
    for (const [name, text] of Object.entries(files)) put(`${account}/${name}`, text);
    expect(chosen(auto(inPod))).toBe(message);
  });

  test("a service whose address is none", () => {
    putAccount();
    const message = "service account: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are no address";
    expect(chosen(auto({ ...inPod, KUBERNETES_SERVICE_PORT: "x" }))).toBe(message);
  });
});

test("of a list in $KUBECONFIG the first file that is there counts", () => {
  const [a, b] = [put("/a", kubeconfig()), put("/b", kubeconfig())];
  expect(chosen(auto({ KUBECONFIG: `${root}/none:${b}:${a}` }))).toBe("/b");
  expect(auto({ KUBECONFIG: ":" })).toMatchObject({ found: false });
});

test.each([
  ["10.96.0.1", "https://10.96.0.1"],
  ["fd00::1", "https://[fd00::1]"],
])("a pod's service at %s", (host, server) => {
  putAccount();
  const result = auto({ ...inPod, KUBERNETES_SERVICE_HOST: host });
  expect(result).toMatchObject({ ok: true, value: { server, commonName: null } });
  const secrets = result.ok ? result.value.secrets() : null;
  expect(secrets).toEqual({ ca: authority.cert, clientCert: null, clientKey: null, token: "pod-token" });
});

test("a pod that mounts no token is treated like the node", () => {
  put(places[1] ?? "", kubeconfig());
  expect(chosen(auto(inPod))).toBe(places[1] ?? "");
});

test("everything is read anew each time", () => {
  put(places[0] ?? "", kubeconfig({ tokenFile: "token" }));
  const seen = ["first", "second"].map((token) => {
    put("/etc/kubernetes/token", token);
    const result = auto();
    return result.ok ? result.value.secrets().token : result.error.message;
  });
  expect(seen).toEqual(["first", "second"]);
});
