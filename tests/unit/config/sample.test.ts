import { expect, test } from "bun:test";
import { defaults } from "../../../src/config/defaults.ts";
import { parseConfig } from "../../../src/config/parse.ts";
import { sampleConfig } from "../../../src/config/sample.ts";
import { knownKeys } from "../../../src/config/schema.ts";

test("the sample configuration means exactly the defaults", () => {
  expect(parseConfig(sampleConfig, "sample")).toEqual({ ok: true, value: defaults });
});

test("the sample configuration shows every key, with its value", () => {
  const shown = Bun.TOML.parse(sampleConfig) as Record<string, Record<string, unknown>>;
  const { rule: _, ...tables } = Object.fromEntries(knownKeys);
  for (const [name, keys] of Object.entries(tables)) {
    const table = name === "" ? shown : shown[name];
    expect(Object.keys(table ?? {})).toEqual(keys.filter((key) => key !== "rule"));
  }
});

test("the sample's rules are right once they are not comments any more", () => {
  const text = sampleConfig.replace(/^# (\[\[rule\]\]|\w+ = )/gm, "$1");
  const result = parseConfig(text, "sample");
  expect(result).toMatchObject({
    ok: true,
    value: {
      rules: [
        { match: { namespace: "kube-system" }, set: { policy: "noop" } },
        {
          match: { namespace: "team-*", container: "jvm" },
          set: { marginRatio: 0.05, maxMarginBytes: 200 * 2 ** 20 },
        },
      ],
    },
  });
});
