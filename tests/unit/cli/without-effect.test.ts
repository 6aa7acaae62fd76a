import { expect, test } from "bun:test";
import { sayWhatHasNoEffect } from "../../../src/cli/without-effect.ts";
import type { Config } from "../../../src/config/config.ts";
import { defaults } from "../../../src/config/defaults.ts";

const { metrics } = defaults;

test.each<[string, Partial<Config>, string[]]>([
  ["nothing of it", {}, []],
  ["kernel_oom", { kernelOom: "hold" }, ['kernel_oom = "hold"']],
  ["where to listen", { metrics: { ...metrics, listen: ":9100" } }, ["metrics.listen"]],
  ["the text file", { metrics: { ...metrics, textfile: "/run/x.prom" } }, ["metrics.textfile"]],
  [
    "several",
    { kernelOom: "hold", metrics: { listen: ":9100", textfile: "/run/x.prom" } },
    ['kernel_oom = "hold"', "metrics.listen", "metrics.textfile"],
  ],
])("what is set but not served yet is said, in one line: %s", (_, set, keys) => {
  const said: string[] = [];
  sayWhatHasNoEffect({ ...defaults, ...set }, (message) => said.push(message));
  expect(said).toEqual(keys.length === 0 ? [] : [`without effect in this version: ${keys.join(", ")}`]);
});
