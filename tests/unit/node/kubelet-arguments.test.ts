import { expect, test } from "bun:test";
import { type KubeletArguments, parseKubeletArguments } from "../../../src/node/kubelet-arguments.ts";

const nothing = { config: null, configDir: null, evictionHard: null, enforceNodeAllocatable: null };

test.each<[string, string[], Partial<KubeletArguments>]>([
  ["nothing", [], {}],
  [
    "others' flags",
    ["--v=2", "--kubeconfig=/k", "--config-x=/c", "--eviction-soft=memory.available<1Gi"],
    {},
  ],
  ["a file", ["--config=/var/lib/kubelet/config.yaml"], { config: "/var/lib/kubelet/config.yaml" }],
  ["a file as the next word", ["--config", "/c", "--v=2"], { config: "/c" }],
  ["a file with an equals sign", ["--config=/a=b"], { config: "/a=b" }],
  ["the last one of two", ["--config=/a", "--config=/b"], { config: "/b" }],
  ["no file after all", ["--config=/a", "--config="], {}],
  ["a flag that nothing follows", ["--config"], {}],
  ["drop-ins", ["--config-dir=/etc/kubelet.d"], { configDir: "/etc/kubelet.d" }],
  [
    "thresholds",
    ["--eviction-hard=memory.available<1Gi, nodefs.available<5%"],
    { evictionHard: { "memory.available": "1Gi", "nodefs.available": "5%" } },
  ],
  [
    "an underscore for a dash",
    ["--eviction_hard", "memory.available<1Gi"],
    { evictionHard: { "memory.available": "1Gi" } },
  ],
  [
    "thresholds given twice",
    ["--eviction-hard=memory.available<1Gi", "--eviction-hard=nodefs.available<5%"],
    { evictionHard: { "memory.available": "1Gi", "nodefs.available": "5%" } },
  ],
  ["no thresholds at all", ["--eviction-hard="], { evictionHard: {} }],
  ["garbage for thresholds", ["--eviction-hard=memory.available"], { evictionHard: {} }],
  [
    "what it enforces",
    ["--enforce-node-allocatable=pods,system-reserved"],
    { enforceNodeAllocatable: ["pods", "system-reserved"] },
  ],
])("%s", (_promise, args, expected) => {
  expect(parseKubeletArguments(args)).toEqual({ ...nothing, ...expected });
});
