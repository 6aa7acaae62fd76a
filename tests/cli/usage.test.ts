import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import packageFile from "../../package.json" with { type: "json" };
import { sampleConfig } from "../../src/config/sample.ts";
import { catalogFile } from "../../src/install/catalog.ts";
import { unitFile } from "../../src/install/unit.ts";
import { rbacManifest } from "../../src/kubernetes/rbac.ts";
import { grafanaDashboard } from "../../src/report/metrics/dashboard.ts";
import { alertRules } from "../../src/report/metrics/rules.ts";
import { command, type Outcome, oomGuard, source } from "./oom-guard.ts";

let folder = "";
let state = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "oom-guard-usage-"));
  state = join(folder, "state");
});

afterAll(() => rmSync(folder, { recursive: true }));

/** A refusal: exit code 2, one printable line on standard error that says so, nothing else anywhere. */
function expectRefusal(outcome: Outcome, message: string): void {
  expect(outcome).toEqual({ exitCode: 2, stdout: "", stderr: `oom-guard: ${message}\n` });
  expect(outcome.stderr.slice(0, -1)).not.toMatch(/\p{C}/u);
  expect(existsSync(state)).toBe(false);
}

describe.each(["run", "scan"])(
  "%s with a config that is wrong exits with 2 and one line, and touches nothing:",
  (name) => {
    const ratio = "must be a number above 0 and below 1";
    test.each([
      [
        "an unknown key",
        "margin_ration = 0.1",
        "margin_ration = 0.1: unknown key, did you mean margin_ratio?",
      ],
      [
        "an unknown key in a table",
        "[reclaim]\nmod = 'never'",
        'reclaim.mod = "never": unknown key, did you mean mode?',
      ],
      ["a wrong type", "policy = 1", "policy = 1: must be one of process, container, noop"],
      ["margin_ratio 0", "margin_ratio = 0", `margin_ratio = 0: ${ratio}`],
      ["margin_ratio 1", "margin_ratio = 1", `margin_ratio = 1: ${ratio}`],
      ["margin_ratio -1", "margin_ratio = -1", `margin_ratio = -1: ${ratio}`],
      ["margin_ratio x", 'margin_ratio = "x"', `margin_ratio = "x": ${ratio}`],
      [
        "a size of 12Q",
        'max_margin = "12Q"',
        'max_margin = "12Q": must be bytes or a size like "512K", "50M", "1G" or "2T" (powers of 1024)',
      ],
      [
        "two problems",
        "policy = 1\nfoo = 2",
        "policy = 1: must be one of process, container, noop (and 1 more)",
      ],
      [
        "an escape sequence",
        'policy = "\\u001b]0;x\\u0007"',
        'policy = "\\x1b]0;x\\x07": must be one of process, container, noop',
      ],
      [
        "not TOML",
        "policy: container\n",
        `not valid TOML at line 1, "policy: container": Expected '=' after a key but found ':'`,
      ],
    ])("%s", async (_, text, message) => {
      const file = join(folder, "config.toml");
      writeFileSync(file, `${text}`);
      const before = readdirSync(folder);
      expectRefusal(
        await oomGuard(name, "--config", file, "--state-dir", state),
        `config ${file}: ${message}`,
      );
      expect(readdirSync(folder)).toEqual(before);
    });

    test.each([
      ["a missing file", "/nonexistent/config.toml", "does not exist"],
      ["a directory", "/proc", "is a directory, must be a file"],
      ["a device without end", "/dev/zero", "must be a regular file, not a pipe, socket or device"],
      ["a file that cannot be read", "/proc/self/mem", "cannot be read: input/output error"],
    ])("%s", async (_, file, message) => {
      expectRefusal(
        await oomGuard(name, "--config", file, "--state-dir", state),
        `config ${file}: ${message}`,
      );
    });

    test("a pipe nobody writes to", async () => {
      const file = join(folder, "pipe");
      Bun.spawnSync(["mkfifo", file]);
      const message = `config ${file}: must be a regular file, not a pipe, socket or device`;
      expectRefusal(await oomGuard(name, "--config", file, "--state-dir", state), message);
      rmSync(file);
    });

    test("a megabyte of garbage", async () => {
      const file = join(folder, "garbage");
      writeFileSync(
        file,
        crypto
          .getRandomValues(new Uint8Array(65_536))
          .toBase64()
          .repeat(12)
          .slice(0, 2 ** 20),
      );
      writeFileSync(file, "\u001b[2J\n", { flag: "a" });
      const message = `config ${file}: is too large, must be at most 256K`;
      expectRefusal(await oomGuard(name, "--config", file, "--state-dir", state), message);
    });

    test.each([
      ["bytes", (byte: number) => byte, "must be UTF-8 text"],
      ["control characters and escapes", (byte: number) => byte % 32, "not valid TOML"],
      ["ASCII", (byte: number) => byte % 128, "not valid TOML"],
    ])("garbage of %s, small enough to be looked at", async (_, map, reason) => {
      const file = join(folder, "garbage");
      writeFileSync(file, crypto.getRandomValues(new Uint8Array(60_000)).map(map));
      const outcome = await oomGuard(name, "--config", file, "--state-dir", state);
      expect(outcome.stderr).toStartWith(`oom-guard: config ${file}: ${reason}`);
      expectRefusal(outcome, outcome.stderr.slice("oom-guard: ".length, -1));
    });

    test.each([
      [["--margin-ratio", "1"], `--margin-ratio=1: ${ratio}`],
      [["--margin_ratio", "x"], `--margin-ratio=x: ${ratio}`],
      [["--policy=1"], "--policy=1: must be one of process, container, noop"],
      [["--min-margin", "60M"], "--min-margin=60M: must not be above max_margin, which is 50M"],
      [
        ["--cgroup-root", "kubepods"],
        '--cgroup-root=kubepods: must be an absolute glob without "..", relative to the cgroup mount, as in "/kubepods"',
      ],
      [["--policy"], "--policy needs a value: --policy POLICY"],
      [["--config="], "--config needs a value: --config FILE"],
      [["--polcy", "noop"], 'unknown flag "--polcy", did you mean --policy?'],
      [["extra"], `${name} takes no argument, got "extra"`],
    ])("flags %j", async (flags, message) => {
      expectRefusal(await oomGuard(name, "--state-dir", state, ...flags), message);
    });
  },
);

describe("bad usage exits with 2 and one line:", () => {
  test.each([
    [
      [],
      "no command given, must be one of run, scan, history, explain, doctor, release, install, uninstall, print, version; see oom-guard --help",
    ],
    [["sacn"], 'unknown command "sacn", did you mean scan?'],
    [["explain"], "explain needs TARGET: a pid, container id, namespace/pod[/container] or cgroup path"],
    [["history", "--limit", "x"], "--limit=x: must be a whole number from 1 to 1000000"],
    [
      ["print", "confg"],
      'unknown ASSET "confg", must be one of config, rbac, unit, rules, dashboard, catalog',
    ],
    [
      ["print", "\u001b[31m"],
      'unknown ASSET "\\x1b[31m", must be one of config, rbac, unit, rules, dashboard, catalog',
    ],
    [["run", "--json"], "run has no flag --json, it belongs to scan, history, explain, doctor, version"],
  ])("%j", async (args, message) => {
    expectRefusal(await oomGuard(...args), message);
  });
});

describe("help goes to standard output and exits with 0:", () => {
  test.each([
    [[]],
    [["run"]],
    [["scan"]],
    [["history"]],
    [["explain"]],
    [["doctor"]],
    [["install"]],
    [["uninstall"]],
    [["print"]],
    [["version"]],
  ])("%j", async (args) => {
    const { exitCode, stdout, stderr } = await oomGuard(...args, "--help");
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toContain(`$ oom-guard ${args[0] ?? "<command>"}`);
    expect(stdout).toContain("--help");
  });
});

test("version says what a bug report needs", async () => {
  const { exitCode, stdout, stderr } = await oomGuard("version");
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(stdout).toMatch(/^oom-guard \d+\.\d+\.\d+ \(bun \d+\.\d+\.\d+, Linux \S+\)\n$/);
  expect(await oomGuard("--version")).toEqual({ exitCode, stdout, stderr });
});

test("version --json says the same", async () => {
  const { stdout } = await oomGuard("version", "--json");
  expect(JSON.parse(stdout)).toEqual({
    name: "oom-guard",
    version: packageFile.version,
    bun: expect.stringMatching(/^\d+\./),
    kernel: expect.stringMatching(/^Linux /),
  });
});

test.each([
  ["config", sampleConfig],
  ["rbac", rbacManifest],
  ["unit", unitFile],
  ["rules", alertRules],
  ["dashboard", grafanaDashboard],
  ["catalog", catalogFile],
])("print %s prints the file, byte by byte", async (asset, text) => {
  expect(await oomGuard("print", asset)).toEqual({ exitCode: 0, stdout: text, stderr: "" });
});

test("the help names what print prints", async () => {
  const { stdout } = await oomGuard("--help");
  expect(stdout).toContain(
    "print a file that oom-guard carries: config, rbac, unit, rules, dashboard, catalog",
  );
});

describe("a reader that goes away ends it quietly, with 0:", () => {
  test.each([["print config"], ["version"], ["--help"], ["scan --help"]])("%s | true", async (args) => {
    const script = `(sleep 0.2; exec "$@") | true; echo "\${PIPESTATUS[0]}"`;
    const child = Bun.spawn(["bash", "-c", script, "bash", ...command, ...args.split(" ")], {
      stdout: "pipe",
      stderr: "pipe",
    });
    expect(await child.stdout.text()).toBe("0\n");
    expect(await child.stderr.text()).toBe("");
  });
});

test("what fails at run time exits with 1 and one line, no stack trace", async () => {
  const child = Bun.spawn(["bash", "-c", '"$@" > /dev/full', "bash", ...command, "print", "config"], {
    stdout: "pipe",
    stderr: "pipe",
  });
  expect(await child.stderr.text()).toMatch(/^oom-guard: ENOSPC: no space left on device.*\n$/);
  expect(await child.exited).toBe(1);
});

// Only the source can be given something to preload.
test.each([
  ["an error nobody catches", 'setTimeout(() => { throw new Error("late\\n\\u001b[31m"); }, 50);'],
  [
    "a promise nobody waits for",
    'setTimeout(() => { Promise.reject(new Error("late\\n\\u001b[31m")); }, 50);',
  ],
])("%s exits with 1 and one line, no stack trace", async (_, code) => {
  const preload = join(folder, "preload.ts");
  // Its output is never taken, so that it is still there.
  writeFileSync(preload, `Bun.write = () => new Promise(() => {});\n${code}`);
  const child = Bun.spawn([...source("--preload", preload), "version"], { stdout: "ignore", stderr: "pipe" });
  expect(await child.stderr.text()).toBe("oom-guard: late\\x0a\\x1b[31m\n");
  expect(await child.exited).toBe(1);
});

test("a configuration that is right is accepted", async () => {
  const file = join(folder, "sample.toml");
  writeFileSync(file, sampleConfig);
  const { exitCode } = await oomGuard(
    "scan",
    "--config",
    file,
    "--state-dir",
    state,
    "--cgroup-root",
    "/none",
  );
  expect(exitCode).not.toBe(2);
});
