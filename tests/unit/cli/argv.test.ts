import { describe, expect, test } from "bun:test";
import { readArgv } from "../../../src/cli/argv.ts";
import { commands } from "../../../src/cli/command.ts";
import { UserError } from "../../../src/cli/exit.ts";

function read(argv: readonly string[]) {
  const { command, help, args, flags } = readArgv(argv, commands);
  return {
    command: command?.name ?? null,
    ...(help ? { help } : {}),
    args,
    flags: flags.map(({ flag, value }) => (value === undefined ? flag.name : [flag.name, value])),
  };
}

function refusal(argv: readonly string[]): UserError {
  try {
    read(argv);
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error(`accepted: ${argv.join(" ")}`);
}

describe("the command line is read word by word:", () => {
  test.each([
    ["a command", ["run"], { command: "run", args: [], flags: [] }],
    [
      "a value after its flag",
      ["scan", "--policy", "noop"],
      { command: "scan", args: [], flags: [["policy", "noop"]] },
    ],
    [
      "a value behind =",
      ["scan", "--policy=noop"],
      { command: "scan", args: [], flags: [["policy", "noop"]] },
    ],
    ["= inside a value", ["scan", "--policy=a=b"], { command: "scan", args: [], flags: [["policy", "a=b"]] }],
    [
      "a line break inside a value",
      ["scan", "--policy=a\nb"],
      { command: "scan", args: [], flags: [["policy", "a\nb"]] },
    ],
    [
      "underscores for hyphens",
      ["scan", "--margin_ratio", "0.1", "--min_margin=1M", "--max_margin", "2M", "--exit_code"],
      {
        command: "scan",
        args: [],
        flags: [["margin-ratio", "0.1"], ["min-margin", "1M"], ["max-margin", "2M"], "exit-code"],
      },
    ],
    [
      "no underscore is touched in a value",
      ["scan", "--state-dir", "/a_b"],
      { command: "scan", args: [], flags: [["state-dir", "/a_b"]] },
    ],
    ["numbers stay as typed", ["explain", "007"], { command: "explain", args: ["007"], flags: [] }],
    [
      "a word after a switch is no value of it",
      ["explain", "--json", "true"],
      { command: "explain", args: ["true"], flags: ["json"] },
    ],
    [
      "a negative number is a value",
      ["scan", "--margin-ratio", "-1"],
      { command: "scan", args: [], flags: [["margin-ratio", "-1"]] },
    ],
    [
      "flags before the command",
      ["--json", "--config", "f", "scan"],
      { command: "scan", args: [], flags: ["json", ["config", "f"]] },
    ],
    [
      "a switch given twice",
      ["scan", "--json", "--json"],
      { command: "scan", args: [], flags: ["json", "json"] },
    ],
    [
      "--cgroup-root as often as wanted",
      ["run", "--cgroup-root", "/a", "--cgroup_root=/b"],
      {
        command: "run",
        args: [],
        flags: [
          ["cgroup-root", "/a"],
          ["cgroup-root", "/b"],
        ],
      },
    ],
    [
      "words after -- are arguments",
      ["explain", "--", "--json"],
      { command: "explain", args: ["--json"], flags: [] },
    ],
    ["--help alone", ["--help"], { command: null, help: true, args: [], flags: [] }],
    [
      "--help of a command, its argument missing",
      ["explain", "-h"],
      { command: "explain", help: true, args: [], flags: [] },
    ],
    ["--version as the command", ["--version"], { command: "version", args: [], flags: [] }],
    ["-v as the command", ["-v", "--json"], { command: "version", args: [], flags: ["json"] }],
  ])("%s", (_, argv, expected) => {
    expect(read(argv)).toEqual(expected as never);
  });
});

describe("what cannot be meant is refused with exit code 2:", () => {
  const list =
    "must be one of run, scan, history, explain, doctor, release, install, uninstall, print, version; see oom-guard --help";
  test.each([
    ["nothing", [], `no command given, ${list}`],
    ["a switch alone", ["--json"], `no command given, ${list}`],
    ["a misspelled command", ["sacn"], 'unknown command "sacn", did you mean scan?'],
    ["a command cut short", ["hist"], 'unknown command "hist", did you mean history?'],
    ["help as a command", ["help"], 'unknown command "help", did you mean --help?'],
    ["a foreign command", ["frobnicate"], `unknown command "frobnicate", ${list}`],
    ["an empty command", [""], `unknown command "", ${list}`],
    ["what every object has", ["constructor"], `unknown command "constructor", ${list}`],
    ["a command with an escape sequence", ["\u001b[2J\n"], `unknown command "\\x1b[2J\\x0a", ${list}`],
    ["a misspelled flag", ["scan", "--polcy", "x"], 'unknown flag "--polcy", did you mean --policy?'],
    ["a flag cut short", ["scan", "--margin=1"], 'unknown flag "--margin", did you mean --margin-ratio?'],
    ["one dash too few", ["scan", "-policy=noop"], 'unknown flag "-policy", did you mean --policy?'],
    ["a foreign flag", ["scan", "--frobnicate"], 'unknown flag "--frobnicate", see oom-guard --help'],
    ["a foreign short flag", ["scan", "-x"], 'unknown flag "-x", see oom-guard --help'],
    ["a negated flag", ["scan", "--no-json"], 'unknown flag "--no-json", see oom-guard --help'],
    ["upper case", ["scan", "--JSON"], 'unknown flag "--JSON", see oom-guard --help'],
    ["another command's flag", ["run", "--enforce"], "run has no flag --enforce, it belongs to scan"],
    ["a flag without its value, at the end", ["scan", "--policy"], "--policy needs a value: --policy POLICY"],
    [
      "a flag without its value, before a flag",
      ["scan", "--policy", "--json"],
      "--policy needs a value: --policy POLICY",
    ],
    ["an empty value", ["scan", "--state-dir="], "--state-dir needs a value: --state-dir DIR"],
    ["an empty word as a value", ["scan", "--state-dir", ""], "--state-dir needs a value: --state-dir DIR"],
    ["a flag given twice", ["scan", "--policy", "noop", "--policy=noop"], "--policy is given twice"],
    [
      "a flag given twice, spelled in two ways",
      ["scan", "--min_margin=1M", "--min-margin=2M"],
      "--min-margin is given twice",
    ],
    ["a value for a switch", ["scan", "--json=false"], '--json takes no value, got "false"'],
    ["an empty value for a switch", ["scan", "--json="], '--json takes no value, got ""'],
    [
      "a missing argument",
      ["explain"],
      "explain needs TARGET: a pid, container id, namespace/pod[/container] or cgroup path",
    ],
    [
      "an empty argument",
      ["explain", ""],
      "explain needs TARGET: a pid, container id, namespace/pod[/container] or cgroup path",
    ],
    ["one argument too many", ["explain", "1", "2"], 'explain takes one TARGET, got "2" as well'],
    ["an argument where none belongs", ["scan", "x"], 'scan takes no argument, got "x"'],
    ["a flag behind --", ["scan", "--", "--json"], 'scan takes no argument, got "--json"'],
    ["--version with a command", ["run", "--version"], '--version takes no command, got "run"'],
  ])("%s", (_, argv, message) => {
    const error = refusal(argv);
    expect(error.message).toBe(message);
    expect(error.exitCode).toBe(2);
  });
});
