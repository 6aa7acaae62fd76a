import { describe, expect, test } from "bun:test";
import type { Command } from "../../../src/cli/command.ts";
import { commands } from "../../../src/cli/command.ts";
import { type CliOptions, commandFlags } from "../../../src/cli/flags.ts";
import { runProgram } from "../../../src/cli/program.ts";

const nothing: CliOptions = {
  config: null,
  json: false,
  enforce: false,
  watch: false,
  exitCode: false,
  limit: null,
  sort: null,
  top: null,
  root: null,
  purge: false,
  settings: {},
};

/** Runs a command line with commands that only note what reaches them, and exit with 42. */
async function reaching(argv: readonly string[]) {
  const seen: { name: string; options: CliOptions; args: readonly string[] }[] = [];
  const recording: Command[] = commands.map((command) => ({
    ...command,
    load: async () => async (options, args) => {
      seen.push({ name: command.name, options, args });
      return 42;
    },
  }));
  expect(await runProgram(argv, recording)).toBe(42);
  expect(seen).toHaveLength(1);
  return seen[0];
}

describe("a command gets what was typed:", () => {
  test.each([
    ["no flags", ["run"], {}],
    [
      "switches",
      ["scan", "--json", "--enforce", "--watch", "--exit-code"],
      { json: true, enforce: true, watch: true, exitCode: true },
    ],
    ["a number as text", ["scan", "--policy=1"], { settings: { policy: "1" } }],
    [
      "a number in its own spelling",
      ["scan", "--margin-ratio", "1e-1"],
      { settings: { margin_ratio: "1e-1" } },
    ],
    [
      "a value before switches",
      ["scan", "--min_margin=007", "--json", "--watch"],
      { json: true, watch: true, settings: { min_margin: "007" } },
    ],
    [
      "a value that looks like a switch",
      ["scan", "--state-dir=--json"],
      { settings: { state_dir: "--json" } },
    ],
    ["a value of =", ["scan", "--policy", "="], { settings: { policy: "=" } }],
    ["one root as a list", ["scan", "--cgroup-root", "/a"], { settings: { cgroup_roots: ["/a"] } }],
    [
      "roots in order, and flags after them",
      ["scan", "--cgroup-root", "/b", "--log-level", "info", "--cgroup_root=/a", "--json"],
      { json: true, settings: { cgroup_roots: ["/b", "/a"], log_level: "info" } },
    ],
    [
      "every setting under its key",
      ["run", ...commandFlags.run.flatMap(({ name }) => [`--${name}`, name])],
      {
        config: "config",
        settings: {
          policy: "policy",
          margin_ratio: "margin-ratio",
          min_margin: "min-margin",
          max_margin: "max-margin",
          cgroup_roots: ["cgroup-root"],
          state_dir: "state-dir",
          log_format: "log-format",
          log_level: "log-level",
        },
      },
    ],
    ["a limit as a number", ["history", "--limit", "010"], { limit: 10 }],
    ["an order and a number of rows", ["scan", "--sort", "waste", "--top=5"], { sort: "waste", top: 5 }],
  ])("%s", async (_, argv, options) => {
    expect(await reaching(argv)).toEqual({
      name: argv[0] ?? "",
      options: { ...nothing, ...options } as CliOptions,
      args: [],
    });
  });

  test.each([["007"], ["1e3"], ["-1"], ["--json"], ["9".repeat(64)], ["=x"], ["shop/cart/jvm"], ["true"]])(
    "the target %s",
    async (target) => {
      expect(await reaching(["explain", "--json", "--", target])).toEqual({
        name: "explain",
        options: { ...nothing, json: true },
        args: [target],
      });
    },
  );
});

test.each(["0", "-1", "x", "1.5", "1e3", "1000001", "9".repeat(400)])(
  "--limit %s is refused",
  async (limit) => {
    await expect(runProgram(["history", "--limit", limit])).rejects.toThrow(
      /^--limit=.{1,60}: must be a whole number from 1 to 1000000$/,
    );
  },
);

test.each(["0", "-1", "x"])("--top %s is refused", async (top) => {
  await expect(runProgram(["scan", `--top=${top}`])).rejects.toThrow(
    /^--top=.{0,60}: must be a whole number from 1 to 1000000$/,
  );
});

test.each(["size", "Name", "toString", "\x1b[31m"])("--sort %j is refused", async (sort) => {
  await expect(runProgram(["scan", `--sort=${sort}`])).rejects.toThrow(
    /^--sort=[\x20-\x7e]*: must be headroom, usage, limit, overcommit, waste or name$/,
  );
});

test("every command can be loaded by its name", async () => {
  for (const { name, load } of commands) expect([name, typeof (await load())]).toEqual([name, "function"]);
});
