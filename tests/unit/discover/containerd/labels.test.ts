import { describe, expect, test } from "bun:test";
import { readLabels } from "../../../../src/discover/containerd/labels.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const labels = (record: Record<string, string>) =>
  Object.entries(record).map(([key, value]) => ({ key: bytes(key), value: bytes(value) }));
const nothing = { namespace: null, pod: null, podUid: null, container: null, sandbox: null };

describe("readLabels", () => {
  test("reads what Kubernetes writes", () => {
    const all = labels({
      "io.kubernetes.pod.namespace": "kube-system",
      "io.kubernetes.pod.name": "etcd-node.example.org",
      "io.kubernetes.pod.uid": "0a1b2c3d-1111-2222-3333-444455556666",
      "io.kubernetes.container.name": "etcd",
      "io.cri-containerd.kind": "container",
      "io.cri-containerd.image": "managed",
    });
    expect(readLabels(all)).toEqual({
      namespace: "kube-system",
      pod: "etcd-node.example.org",
      podUid: "0a1b2c3d-1111-2222-3333-444455556666",
      container: "etcd",
      sandbox: false,
    });
  });

  test("a container that is not Kubernetes' has no names", () => {
    expect(readLabels([])).toEqual(nothing);
    expect(readLabels(labels({ "com.docker/engine.bundle.path": "/x" }))).toEqual(nothing);
  });

  test.each<[string, boolean | null]>([
    ["sandbox", true],
    ["container", false],
    ["Sandbox", null],
    ["", null],
  ])("kind %p makes sandbox %p", (kind, expected) => {
    expect(readLabels(labels({ "io.cri-containerd.kind": kind })).sandbox).toBe(expected);
  });

  test.each<[string, string]>([
    ["a terminal escape", "\x1b]0;owned\x07"],
    ["a newline", "web\nfake log line"],
    ["a path", "../../secrets"],
    ["a URL's end", "web?dryRun=All#"],
    ["a right-to-left override", "web\u202e"],
    ["capitals", "Web"],
    ["nothing", ""],
    ["too long a name", "a".repeat(254)],
    ["megabytes", "a".repeat(5 << 20)],
  ])("a pod's name that is %s is no name, and the rest stays", (_, value) => {
    const read = readLabels(
      labels({ "io.kubernetes.pod.name": value, "io.kubernetes.pod.namespace": "shop" }),
    );
    expect(read).toEqual({ ...nothing, namespace: "shop" });
  });

  test("bytes that are not UTF-8 hide that one label", () => {
    const bad = { key: bytes("io.kubernetes.pod.name"), value: new Uint8Array([0xff, 0xfe]) };
    const badKey = { key: new Uint8Array([0xff]), value: bytes("x") };
    expect(readLabels([bad, badKey, ...labels({ "io.kubernetes.container.name": "c" })])).toEqual({
      ...nothing,
      container: "c",
    });
  });

  test("a key of Object's own is a key like any other", () => {
    expect(readLabels(labels({ __proto__x: "a", constructor: "b", toString: "c" }))).toEqual(nothing);
  });

  test.each([["io.kubernetes.pod.namespace"], ["io.kubernetes.container.name"]])(
    "%s is at most 63 long",
    (key) => {
      expect(readLabels(labels({ [key]: "a".repeat(64) }))).toEqual(nothing);
      expect(Object.values(readLabels(labels({ [key]: "a".repeat(63) })))).toContain("a".repeat(63));
    },
  );
});
