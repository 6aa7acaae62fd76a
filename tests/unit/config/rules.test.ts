import { describe, expect, test } from "bun:test";
import type { Config, Rule } from "../../../src/config/config.ts";
import { defaults } from "../../../src/config/defaults.ts";
import { asksForHold, compileRules, goByName, settingsFor } from "../../../src/config/rules.ts";

const facts = {
  namespace: "shop",
  pod: "cart-7f9c",
  container: "jvm",
  cgroup: "/kubepods/burstable/podX/abc",
};
const noop = { policy: "noop" } as const;

function policyUnder(match: Rule["match"], about: Partial<Record<keyof typeof facts, string | null>> = {}) {
  return settingsFor({ ...defaults, rules: [{ match, set: noop }] }, { ...facts, ...about }).policy;
}

describe("a rule matches", () => {
  test.each([
    ["a name", { namespace: "shop" }],
    ["a glob", { pod: "cart-*" }],
    ["alternatives", { container: "{go,jvm}" }],
    ["one level of a cgroup path", { cgroup: "/kubepods/*/podX/abc" }],
    ["any depth of a cgroup path", { cgroup: "/kubepods/**" }],
    ["everything but a name", { namespace: "!kube-system" }],
    ["all of its patterns", { namespace: "shop", pod: "cart-*", container: "jvm", cgroup: "/kubepods/**" }],
  ])("%s", (_, match) => {
    expect(policyUnder(match)).toBe("noop");
  });
});

describe("a rule does not match", () => {
  test.each([
    ["another name", { namespace: "shop2" }, {}],
    ["a part of a name", { namespace: "sho" }, {}],
    ["another case", { namespace: "Shop" }, {}],
    ["a deeper cgroup with one star", { cgroup: "/kubepods/*" }, {}],
    ["when one of its patterns fails", { namespace: "shop", pod: "basket-*" }, {}],
    ["a fact that is not known", { namespace: "*" }, { namespace: null }],
    ["a fact that is not known, even turned round", { namespace: "!kube-system" }, { namespace: null }],
  ])("%s", (_, match, about) => {
    expect(policyUnder(match, about)).toBe("container");
  });
});

test("the first rule that matches wins, a later one adds nothing", () => {
  const rules: Rule[] = [
    { match: { pod: "other" }, set: { policy: "noop" } },
    { match: { namespace: "shop" }, set: { marginRatio: 0.1 } },
    { match: { namespace: "*" }, set: { policy: "process", cacheFloor: 4096 } },
  ];
  expect(settingsFor({ ...defaults, rules }, facts)).toEqual({
    policy: "container",
    marginRatio: 0.1,
    minMarginBytes: defaults.minMarginBytes,
    maxMarginBytes: defaults.maxMarginBytes,
    cacheFloor: "margin",
    kernelOom: "allow",
  });
});

test("without a rule the general settings hold, and nothing else of the configuration leaks into them", () => {
  expect(Object.keys(settingsFor(defaults, facts)).sort()).toEqual([
    "cacheFloor",
    "kernelOom",
    "marginRatio",
    "maxMarginBytes",
    "minMarginBytes",
    "policy",
  ]);
});

test.each<[string, Partial<Config>, boolean]>([
  ["by default", {}, false],
  ["for all", { kernelOom: "hold" }, true],
  ["for some", { rules: [{ match: { pod: "db-*" }, set: { kernelOom: "hold" } }] }, true],
  ["for none that a rule names", { rules: [{ match: { pod: "db-*" }, set: { kernelOom: "allow" } }] }, false],
])("whether hold is asked for: %s", (_, set, asked) => {
  expect(asksForHold({ ...defaults, ...set })).toBe(asked);
});

test("settings are made once per rule, so asking for a thousand cgroups allocates none", () => {
  const matcher = compileRules({ ...defaults, rules: [{ match: { namespace: "shop" }, set: noop }] });
  expect(matcher.settingsFor(facts)).toBe(matcher.settingsFor({ ...facts, pod: "another" }));
});

test.each<[string, Rule["match"][], boolean]>([
  ["without rules", [], false],
  ["with cgroups alone", [{ cgroup: "/docker/*" }], false],
  ["with a namespace", [{ namespace: "shop" }], true],
  ["with a pod, in a later rule", [{ cgroup: "/docker/*" }, { pod: "cart-*" }], true],
  ["with a container and a cgroup", [{ container: "jvm", cgroup: "/docker/*" }], true],
])("names are waited for only when a rule needs one: %s", (_, matches, waits) => {
  expect(goByName(matches.map((match) => ({ match, set: noop })))).toBe(waits);
});
