import { expect, test } from "bun:test";
import { sayWhatHasNoEffect } from "../../../src/cli/without-effect.ts";
import type { Config } from "../../../src/config/config.ts";
import { defaults } from "../../../src/config/defaults.ts";

test.each<[string, Partial<Config>, string[]]>([
  ["nothing of it", {}, []],
  ["kernel_oom", { kernelOom: "hold" }, ['without effect in this version: kernel_oom = "hold"']],
])("what is set but not served yet is said, in one line: %s", (_, set, lines) => {
  const said: string[] = [];
  sayWhatHasNoEffect({ ...defaults, ...set }, (message) => said.push(message));
  expect(said).toEqual(lines);
});
