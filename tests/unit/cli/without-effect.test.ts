import { expect, test } from "bun:test";
import { sayWhatHasNoEffect } from "../../../src/cli/without-effect.ts";
import type { Config } from "../../../src/config/config.ts";
import { defaults } from "../../../src/config/defaults.ts";

const hold: Partial<Config> = { kernelOom: "hold" };
const holdByRule: Partial<Config> = { rules: [{ match: { pod: "db-*" }, set: { kernelOom: "hold" } }] };
const refused = (reason: string) => [`without effect here: kernel_oom = "hold" (${reason})`];
const onV2 = refused("on cgroup v2 memory.high holds a leak back");
const onOld = (release: string) =>
  refused(`on Linux ${release} tasks would wait with locks held, from 3.12 on they do not`);

test.each<[Partial<Config>, 1 | 2, string, string[]]>([
  [{}, 2, "6.1.0", []],
  [hold, 2, "6.1.0", onV2],
  [holdByRule, 2, "6.1.0", onV2],
  [hold, 1, "6.18.44", []],
  [hold, 1, "3.12.0", []],
  [hold, 1, "3.11.10", onOld("3.11.10")],
  [holdByRule, 1, "3.10.0-1160.el7.x86_64", onOld("3.10.0-1160.el7.x86_64")],
])(
  "what is asked for and cannot be had is said, in one line: %o on v%i, Linux %s",
  (set, version, release, lines) => {
    const said: string[] = [];
    sayWhatHasNoEffect({ ...defaults, ...set }, version, release, (message) => said.push(message));
    expect(said).toEqual(lines);
  },
);
