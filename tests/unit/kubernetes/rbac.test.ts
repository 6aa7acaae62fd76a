import { expect, test } from "bun:test";
import { rbacManifest } from "../../../src/kubernetes/rbac.ts";
import { rights } from "../../../src/kubernetes/rights.ts";

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [key: string]: unknown;
}

const manifests = Bun.YAML.parse(rbacManifest) as Manifest[];
const ofKind = (kind: string) => manifests.filter((manifest) => manifest.kind === kind);

test("the manifest holds an account, a role and their binding, and nothing else", () => {
  expect(manifests.map(({ kind, metadata }) => [kind, metadata.namespace, metadata.name])).toEqual([
    ["ServiceAccount", "kube-system", "oomguard"],
    ["ClusterRole", undefined, "system:oomguard"],
    ["ClusterRoleBinding", undefined, "system:oomguard"],
  ]);
});

test("the role may do exactly what oom-guard does", () => {
  expect(ofKind("ClusterRole")[0]?.rules).toEqual([
    { apiGroups: [""], resources: ["events"], verbs: ["create", "patch"] },
    { apiGroups: [""], resources: ["pods"], verbs: ["list"] },
    { apiGroups: [""], resources: ["nodes"], verbs: ["get"] },
  ]);
});

test("and every right it uses is one of these, which is what doctor asks the server about", () => {
  const rules = ofKind("ClusterRole")[0]?.rules as { resources: string[]; verbs: string[] }[];
  const granted = rules.flatMap(({ resources, verbs }) =>
    resources.flatMap((resource) => verbs.map((verb) => ({ verb, resource }))),
  );
  expect(granted).toEqual(Object.values(rights));
});

test("the binding gives that role to that account", () => {
  const [binding] = ofKind("ClusterRoleBinding");
  expect(binding?.roleRef).toEqual({
    apiGroup: "rbac.authorization.k8s.io",
    kind: "ClusterRole",
    name: "system:oomguard",
  });
  expect(binding?.subjects).toEqual([{ kind: "ServiceAccount", name: "oomguard", namespace: "kube-system" }]);
});

test("it says how to apply it, and is plain text of lines that fit", () => {
  expect(rbacManifest).toContain("oom-guard print rbac | kubectl apply -f -");
  expect(rbacManifest).toMatch(/^[\x20-\x7e\n]*\n$/);
  for (const line of rbacManifest.split("\n")) expect(line.length).toBeLessThanOrEqual(120);
});
