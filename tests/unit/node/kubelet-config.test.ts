import { describe, expect, test } from "bun:test";
import {
  type KubeletConfig,
  parseKubeletConfig,
  settleKubeletConfig,
} from "../../../src/node/kubelet-config.ts";

const HEAD = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";
const nothing = { evictionHard: null, mergeDefaultEvictionSettings: null, enforceNodeAllocatable: null };
const config = (changes: Partial<KubeletConfig>): KubeletConfig => ({ ...nothing, ...changes });

describe("a file", () => {
  test.each<[string, string, Partial<KubeletConfig> | null]>([
    ["that says nothing of memory", HEAD, {}],
    [
      "with thresholds",
      `${HEAD}evictionHard:\n  memory.available: 200Mi\n  nodefs.available: "10%"\n`,
      { evictionHard: { "memory.available": "200Mi", "nodefs.available": "10%" } },
    ],
    ["with none on purpose", `${HEAD}evictionHard: {}\n`, { evictionHard: {} }],
    ["with a null", `${HEAD}evictionHard:\n`, {}],
    [
      "in JSON",
      '{"kind":"KubeletConfiguration","mergeDefaultEvictionSettings":true}',
      { mergeDefaultEvictionSettings: true },
    ],
    ["that enforces nothing", `${HEAD}enforceNodeAllocatable: []\n`, { enforceNodeAllocatable: [] }],
    ["of another kind", "kind: Pod\n", null],
    ["with a number for a threshold", `${HEAD}evictionHard:\n  memory.available: 5\n`, null],
    ["of two documents", `${HEAD}---\n${HEAD}`, null],
    ["that is no YAML", "a: [b\n\x00", null],
    ["that is empty", "", null],
  ])("%s", (_promise, text, expected) => {
    expect(parseKubeletConfig(text)).toEqual(expected === null ? null : { ...nothing, ...expected });
  });
});

describe("the threshold for memory", () => {
  const own = { "memory.available": "1Gi" };
  const other = { "nodefs.available": "5%" };
  test.each<[string, KubeletConfig | null, KubeletConfig[], string | undefined]>([
    ["is kubelet's own without a file", null, [], "100Mi"],
    ["is kubelet's own where the file does not say", config({}), [], "100Mi"],
    ["is the file's", config({ evictionHard: own }), [], "1Gi"],
    ["is none where the file has others only", config({ evictionHard: other }), [], undefined],
    ["is none where the file wants none", config({ evictionHard: {} }), [], undefined],
    [
      "is kubelet's own beside others where defaults are to be merged",
      config({ evictionHard: other, mergeDefaultEvictionSettings: true }),
      [],
      "100Mi",
    ],
    [
      "is the file's there, too",
      config({ evictionHard: own, mergeDefaultEvictionSettings: true }),
      [],
      "1Gi",
    ],
    [
      "is the last drop-in's",
      config({}),
      [config({ evictionHard: own }), config({ evictionHard: { "memory.available": "2Gi" } })],
      "2Gi",
    ],
    [
      "stays kubelet's own under drop-ins with others: they are merged",
      config({}),
      [config({ evictionHard: other })],
      "100Mi",
    ],
    ["is a drop-in's without a file", null, [config({ evictionHard: own })], "1Gi"],
  ])("%s", (_promise, file, dropIns, expected) => {
    expect(settleKubeletConfig(file, dropIns).evictionHard["memory.available"]).toBe(expected as string);
  });
});

test.each<[string, KubeletConfig | null, KubeletConfig[], string[]]>([
  ["by default", null, [], ["pods"]],
  ["the file's", config({ enforceNodeAllocatable: ["none"] }), [], ["none"]],
  [
    "the last drop-in's",
    config({ enforceNodeAllocatable: ["none"] }),
    [config({ enforceNodeAllocatable: ["pods"] }), config({})],
    ["pods"],
  ],
])("what it enforces: %s", (_promise, file, dropIns, expected) => {
  expect(settleKubeletConfig(file, dropIns).enforceNodeAllocatable).toEqual(expected);
});
