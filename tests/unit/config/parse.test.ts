import { describe, expect, test } from "bun:test";
import { defaults } from "../../../src/config/defaults.ts";
import { parseConfig } from "../../../src/config/parse.ts";
import type { FlagTexts } from "../../../src/config/schema.ts";

function accepted(text: string, flags: FlagTexts = {}) {
  const result = parseConfig(text, "F", flags);
  if (!result.ok) throw new Error(result.message);
  return result.value;
}

function refused(text: string, flags: FlagTexts = {}) {
  const result = parseConfig(text, "F", flags);
  if (result.ok) throw new Error(`accepted: ${text}`);
  return result.message;
}

test("an empty file means the defaults", () => {
  expect(accepted("")).toEqual(defaults);
});

test("every key of the contract is read", () => {
  const text = `
    policy = "process"
    margin_ratio = 0.1
    min_margin = 8192
    max_margin = "1G"
    cache_floor = "64M"
    cgroup_mount = "/mnt/memory/"
    cgroup_roots = ["/kubepods/", "//a//b*"]
    state_dir = "/srv/state/"
    log_format = "json"
    log_level = "debug"
    resync = "1m"
    kernel_oom = "hold"
    reclaim = { mode = "never", cooldown = "1s" }
    v2.high = "off"
    [runtime]
    sockets = []
    namespaces = ["k8s.io"]
    [kubernetes]
    kubeconfig = "/root/.kube/config"
    node_name = "node-1.example"
    [metrics]
    listen = 9841
    textfile = "/var/lib/node_exporter/oom.prom"
    [[rule]]
    namespace = "a"
    pod = "b"
    container = "c"
    cgroup = "/d/**"
    policy = "noop"
    margin_ratio = 0.5
    min_margin = "4K"
    max_margin = "8K"
    cache_floor = "margin"
    [[rule]]
    pod = "only"
    max_margin = "2M"
  `;
  expect(accepted(text)).toEqual({
    policy: "process",
    marginRatio: 0.1,
    minMarginBytes: 8192,
    maxMarginBytes: 2 ** 30,
    cacheFloor: 64 * 2 ** 20,
    cgroupMount: "/mnt/memory",
    cgroupRoots: ["/kubepods", "/a/b*"],
    stateDir: "/srv/state",
    logFormat: "json",
    logLevel: "debug",
    resyncMs: 60_000,
    kernelOom: "hold",
    reclaim: { mode: "never", cooldownMs: 1000 },
    v2: { high: "off" },
    runtime: { sockets: [], namespaces: ["k8s.io"] },
    kubernetes: { kubeconfig: "/root/.kube/config", nodeName: "node-1.example" },
    metrics: { listen: "9841", textfile: "/var/lib/node_exporter/oom.prom" },
    rules: [
      {
        match: { namespace: "a", pod: "b", container: "c", cgroup: "/d/**" },
        set: {
          policy: "noop",
          marginRatio: 0.5,
          minMarginBytes: 4096,
          maxMarginBytes: 8192,
          cacheFloor: "margin",
        },
      },
      { match: { pod: "only" }, set: { maxMarginBytes: 2 * 2 ** 20 } },
    ],
  });
});

describe("a value out of range is refused:", () => {
  const ratio = "must be a number above 0 and below 1";
  const size = 'must be bytes or a size like "512K", "50M", "1G" or "2T" (powers of 1024)';
  const root = 'must be an absolute glob without "..", relative to the cgroup mount, as in "/kubepods"';
  test.each([
    ['policy = "kill"', "must be one of process, container, noop"],
    ["margin_ratio = 0", ratio],
    ["margin_ratio = 1", ratio],
    ["margin_ratio = -1", ratio],
    ['margin_ratio = "x"', ratio],
    ['margin_ratio = "0.1"', ratio],
    ['min_margin = "12Q"', size],
    ["min_margin = true", size],
    ["min_margin = 0", 'must be at least "4K", one page'],
    [
      'max_margin = "1.5G"',
      'must be a whole number; for a fraction use a smaller unit ("1536K", not "1.5M")',
    ],
    ['cache_floor = "auto"', 'must be "margin", or bytes or a size like "50M"'],
    ['cache_floor = "12Q"', size],
    ["cache_floor = 0", 'must be at least "4K", one page'],
    ['cgroup_mount = "sys"', 'must be "auto" or an absolute path without ".."'],
    ['cgroup_roots = "/kubepods"', "must be a list of globs"],
    ["cgroup_roots = []", "must be a list of globs, at least one"],
    ['state_dir = "var"', 'must be an absolute path without "..", and not "/"'],
    ['state_dir = "//"', 'must be an absolute path without "..", and not "/"'],
    ['state_dir = "/var/../etc"', 'must be an absolute path without "..", and not "/"'],
    ['log_format = "xml"', "must be one of auto, text, json, journal"],
    ['log_level = "trace"', "must be one of error, warn, info, debug"],
    ["resync = 30", 'must have a unit: ms, s, m or h, as in "30s"'],
    ['resync = "0s"', "must be from 500ms to 1h"],
    ['resync = "2h"', "must be from 500ms to 1h"],
    ['kernel_oom = "off"', "must be one of allow, hold"],
    ['reclaim = "auto"', "must be a table, [reclaim]"],
    ['reclaim.mode = "on"', "must be one of auto, always, never"],
    ['reclaim.cooldown = "0s"', "must be from 100ms to 1h"],
    ['v2.high = "on"', "must be one of auto, off"],
    ['runtime.sockets = "/run/x"', "must be a list of socket paths"],
    ["runtime.namespaces = []", "must be a list of containerd namespaces, at least one"],
    ['kubernetes.kubeconfig = "~/.kube"', 'must be "auto", "off" or an absolute path without ".."'],
    [
      'kubernetes.node_name = "Node 1"',
      'must be "auto" or the name of a node object: lower-case letters, digits, "-" and "."',
    ],
    ["metrics.listen = true", 'must be "off", a port, or "host:port"'],
    ['metrics.listen = "on"', 'must be "off", a port, or "host:port" as in "127.0.0.1:9841" or "[::1]:9841"'],
    ["metrics.listen = 0", "must have a port from 1 to 65535"],
    ['metrics.textfile = "/x"', 'must be "off" or an absolute path without "..", ending in ".prom"'],
    ["rule = 1", "must be written with double brackets, [[rule]]"],
  ])("%s", (line, message) => {
    expect(refused(line)).toBe(`config F: ${line}: ${message}`);
  });

  test.each([
    ['cgroup_roots = ["/a", "b"]', 'cgroup_roots #2 = "b"', root],
    ['cgroup_roots = ["/a/../b"]', 'cgroup_roots #1 = "/a/../b"', root],
    [
      'cgroup_roots = ["/a["]',
      'cgroup_roots #1 = "/a["',
      "must be a glob of at most 256 characters, brackets closed",
    ],
    [
      'runtime.sockets = ["unix:///x"]',
      'runtime.sockets #1 = "unix:///x"',
      "must be an absolute path of at most 107 bytes, without unix://",
    ],
    [
      '[[rule]]\npolicy = "noop"',
      '[[rule]] #1 = { policy = "noop" }',
      "must match on something: namespace, pod, container or cgroup",
    ],
    [
      '[[rule]]\npod = "x"',
      '[[rule]] #1 = { pod = "x" }',
      "must set something: policy, margin_ratio, min_margin, max_margin, cache_floor or kernel_oom",
    ],
    [
      '[[rule]]\npod = ""\npolicy = "noop"',
      '[[rule]] #1 pod = ""',
      "must be a glob that is not empty, at most 256 characters, brackets closed",
    ],
    ["[[rule]]\npod = 'a'\nmargin_ratio = 1", "[[rule]] #1 margin_ratio = 1", ratio],
    [
      "[[rule]]\npod = 'a'\nkernel_oom = 'off'",
      '[[rule]] #1 kernel_oom = "off"',
      "must be one of allow, hold",
    ],
    ["[rule]\npod = 'a'", 'rule = { pod = "a" }', "must be written with double brackets, [[rule]]"],
  ])("%j", (text, where, message) => {
    expect(refused(text)).toBe(`config F: ${where}: ${message}`);
  });
});

describe("an unknown key names the key that was meant:", () => {
  test.each([
    ["margin_ration = 0.1", "margin_ration = 0.1: unknown key, did you mean margin_ratio?"],
    ["margin-ratio = 0.1", "margin-ratio = 0.1: unknown key, did you mean margin_ratio?"],
    ["[reclam]", "reclam = {  }: unknown key, did you mean reclaim?"],
    ["[reclaim]\ncool = '1s'", 'reclaim.cool = "1s": unknown key, did you mean cooldown?'],
    ["[v2]\nhihg = 'off'", 'v2.hihg = "off": unknown key, did you mean high?'],
    [
      "[[rule]]\npod='a'\npolicy='noop'\n[[rule]]\npod='b'\npolice='noop'",
      '[[rule]] #2 police = "noop": unknown key, did you mean policy?',
    ],
    ["cooldown = '1s'", 'cooldown = "1s": unknown key here, did you mean cooldown under [reclaim]?'],
    ["pod = 'x'", 'pod = "x": unknown key here, did you mean pod under [[rule]]?'],
    [
      "[v2]\nlog_level = 'info'",
      'v2.log_level = "info": unknown key here, did you mean the log_level that stands above the first [table]?',
    ],
    ["constructor = 1", "constructor = 1: unknown key, did you mean cache_floor?"],
    ["__proto__ = 1", "__proto__ = 1: unknown key, did you mean policy?"],
  ])("%j", (text, message) => {
    expect(refused(text)).toBe(`config F: ${message}`);
  });
});

describe("the smallest margin may not exceed the largest:", () => {
  test.each([
    [
      "the file's minimum against the default",
      "min_margin = '60M'",
      {},
      'config F: min_margin = "60M": must not be above max_margin, which is 50M',
    ],
    [
      "the file's maximum against the default",
      "max_margin = '512K'",
      {},
      'config F: max_margin = "512K": must not be below min_margin, which is 1M',
    ],
    [
      "both in the file",
      "max_margin = '2M'\nmin_margin = '3M'",
      {},
      'config F: min_margin = "3M": must not be above max_margin, which is 2M',
    ],
    [
      "a flag against the default",
      "",
      { min_margin: "60M" },
      "--min-margin=60M: must not be above max_margin, which is 50M",
    ],
    [
      "a flag against the file",
      "min_margin = '3M'",
      { max_margin: "2M" },
      "--max-margin=2M: must not be below min_margin, which is 3M",
    ],
    [
      "a rule against the top level",
      "[[rule]]\npod = 'a'\nmin_margin = '60M'",
      {},
      'config F: [[rule]] #1 min_margin = "60M": must not be above max_margin, which is 50M',
    ],
    [
      "a rule against a flag",
      "[[rule]]\npod = 'a'\nmin_margin = '5M'",
      { max_margin: "4M" },
      'config F: [[rule]] #1 min_margin = "5M": must not be above max_margin, which is 4M',
    ],
  ])("%s", (_, text, flags, message) => {
    expect(refused(text, flags)).toBe(message);
  });

  test("equal margins are fine", () => {
    expect(accepted("min_margin = '5M'\nmax_margin = '5M'").minMarginBytes).toBe(5 * 2 ** 20);
  });
});

describe("flags", () => {
  test("beat the file, which beats the defaults", () => {
    const file = 'policy = "process"\nmargin_ratio = 0.3\nstate_dir = "/file"\ncgroup_roots = ["/file"]';
    const config = accepted(file, { policy: "noop", margin_ratio: "0.1", cgroup_roots: ["/x", "/y"] });
    expect(config).toMatchObject({
      policy: "noop",
      marginRatio: 0.1,
      cgroupRoots: ["/x", "/y"],
      stateDir: "/file",
      logLevel: "info",
    });
  });

  const rule = '[[rule]]\nnamespace = "kube-system"\npolicy = "process"\nmargin_ratio = 0.5';

  test("leave the rules alone: what a rule protects stays protected", () => {
    expect(accepted(rule, { policy: "container" }).rules[0]?.set).toEqual({
      policy: "process",
      marginRatio: 0.5,
    });
  });

  test("asking for a dry run leave no rule that kills", () => {
    expect(accepted(rule, { policy: "noop" }).rules[0]?.set).toEqual({ marginRatio: 0.5 });
  });

  test.each([
    ["1", "--margin-ratio=1: must be a number above 0 and below 1"],
    ["x", "--margin-ratio=x: must be a number above 0 and below 1"],
    ["0x0.1", "--margin-ratio=0x0.1: must be a number above 0 and below 1"],
    ["", "--margin-ratio=: must be a number above 0 and below 1"],
    [" 0.5", "--margin-ratio= 0.5: must be a number above 0 and below 1"],
    ["\u001b[2J", "--margin-ratio=\\x1b[2J: must be a number above 0 and below 1"],
  ])("with the ratio %j are refused by name", (text, message) => {
    expect(refused("", { margin_ratio: text })).toBe(message);
  });

  test("are refused before the file is looked at, and counted", () => {
    expect(refused("not TOML", { policy: "1", cgroup_roots: ["x"] })).toBe(
      "--policy=1: must be one of process, container, noop (and 1 more)",
    );
  });
});

describe("of several problems", () => {
  test.each([
    [
      "the first in the file is told, whatever the schema's order",
      'log_level = "x"\nnope = 1\npolicy = "x"',
      "log_level",
    ],
    ["an unknown key before a wrong value is told", 'nope = 1\nlog_level = "x"\npolicy = "x"', "nope"],
    [
      "one in an early table comes before a late one",
      '[v2]\nhigh = "x"\nlow = 1\n[reclaim]\nmode = "x"',
      "v2.high",
    ],
    ["the first rule comes first", "[[rule]]\npod = 1\nx = 1\n[[rule]]\npod = 2", "[[rule]] #1 pod"],
  ])("%s", (_, text, first) => {
    expect(refused(text)).toStartWith(`config F: ${first} = `);
    expect(refused(text)).toEndWith(" (and 2 more)");
  });
});

describe("a message is one short printable line for", () => {
  test.each([
    ["a long value", `policy = "${"x".repeat(500)}"`, `policy = "${"x".repeat(59)}…": must`],
    ["an escape sequence in a value", 'policy = "\\u001b[31m\\n"', 'policy = "\\x1b[31m\\x0a": must'],
    ["an escape sequence in a key", '"\\u001b[31m" = 1', '"\\x1b[31m" = 1: unknown'],
    ["a direction override in a value", 'policy = "\\u202Ex"', 'policy = "\\u202ex": must'],
    ["a nested list", 'policy = [[1], "\\u0007"]', 'policy = [[…], "\\x07"]: must'],
    ["a long list", `policy = [${"1, ".repeat(500)}]`, "policy = [1, 1, 1"],
    ["a date", "policy = 1979-05-27", "policy = 1979-05-27: must"],
    ["a long key", `${"k".repeat(500)} = 1`, `${"k".repeat(59)}… = 1: unknown`],
  ])("%s", (_, text, start) => {
    const message = refused(text);
    expect(message).toStartWith(`config F: ${start}`);
    expect(message.length).toBeLessThan(300);
    expect(message).not.toMatch(/\p{Cc}|\p{Cf}/u);
  });

  test("a file with a hostile name", () => {
    const result = parseConfig("x = 1", "/tmp/\u001b[2J\n");
    expect(result).toEqual({
      ok: false,
      message: expect.stringContaining("config /tmp/\\x1b[2J\\x0a: x = 1"),
    });
  });
});

describe("what is not TOML is told with its line:", () => {
  test.each([
    ["a value without quotes", "a = 1\npolicy = noop\n", 2, "policy = noop"],
    ["a size without quotes", "\n\nmin_margin = 1M", 3, "min_margin = 1M"],
    ["a missing value", "a = 1\r\nb =\r\nc = 1\r\n", 2, "b ="],
    ["a key set twice", "a = 1\nb = 2\na = 3\nc = 4", 3, "a = 3"],
    ["a list never closed: where it begins", "a = [1,\n2]\nb = [\n1,\n2\n", 3, "b = ["],
    ["a mistake inside a list", 'a = [\n"x",\n"y" "z"\n]\n', 3, '"y" "z"'],
    ["control characters", "a = 1\nb = \u0007\u001b[31m", 2, "b = \\x07\\x1b[31m"],
  ])("%s", (_, text, line, shown) => {
    expect(refused(text)).toStartWith(`config F: not valid TOML at line ${line}, "${shown}": `);
  });

  test("nesting deeper than the parser can follow", () => {
    expect(refused(`a = ${"[".repeat(100_000)}`)).toEndWith('…": nested too deeply');
  });

  test.each([
    ["nesting without end", `a = ${"[".repeat(100_000)}`],
    ["fifty thousand lines", "a = 1\n".repeat(50_000)],
    ["a list of fifty thousand lines, never closed", `a = [\n${"1,\n".repeat(50_000)}`],
    [
      "thirty thousand unknown keys",
      Array.from({ length: 30_000 }, (_, index) => `k${index} = 1\n`).join(""),
    ],
    ["twenty thousand empty rules", "[[rule]]\n".repeat(20_000)],
  ])(
    "%s costs no more than a moment: what grew with the square of it took minutes",
    (_, text) => {
      expect(refused(text)).toStartWith("config F: ");
    },
    30_000,
  );

  test("random bytes never throw, and never reach the message", () => {
    let seed = 1;
    const next = () => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed >> 16;
    };
    for (let round = 0; round < 300; round++) {
      const text = String.fromCharCode(
        ...Array.from({ length: 200 }, () => next() % (round % 2 ? 128 : 256)),
      );
      const result = parseConfig(text, "F");
      if (!result.ok) expect(result.message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    }
  });
});
