import { likely } from "../config/nearest.ts";
import { printable } from "../report/text.ts";
import type { Command } from "./command.ts";
import { exitCode, UserError } from "./exit.ts";
import type { Flag } from "./flags.ts";

/** One use of the program, understood word by word. */
export interface Invocation {
  /** Null: none was given, and `--help` was. */
  readonly command: Command | null;
  readonly help: boolean;
  readonly args: readonly string[];
  /** In order; a flag without value is a switch. */
  readonly flags: readonly { readonly flag: Flag; readonly value?: string }[];
}

const helpFlag: Flag = { name: "help", help: "" };
const versionFlag: Flag = { name: "version", help: "" };
/**
 * Reads the command line strictly. cac's own parser guesses (a word after a switch is an argument, unless it is
 * "true"; a value may be missing or given twice; `--margin-ratio 1` and `1.0` are one number), and on a machine where
 * processes get killed a guess is one too many.
 * @param argv without the program's own name
 * @param commands those there are
 * @throws UserError with one line that says what to type instead
 */
export function readArgv(argv: readonly string[], commands: readonly Command[]): Invocation {
  const allFlags = [...commands.flatMap(({ flags }) => flags), helpFlag, versionFlag];
  const known = new Map(allFlags.map((flag) => [flag.name, flag]));
  const words: string[] = [];
  const given: { flag: Flag; value?: string }[] = [];
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] ?? "";
    if (word === "--") {
      words.push(...argv.slice(index + 1));
      break;
    }
    if (!word.startsWith("-") || word === "-") {
      words.push(word);
      continue;
    }
    const { flag, inline } = readFlag(word, known);
    if (flag.value === undefined) {
      if (inline !== undefined) throw usage(`--${flag.name} takes no value, got ${quoted(inline)}`);
      given.push({ flag });
      continue;
    }
    const value = inline ?? argv[++index] ?? "";
    // The next flag is not this one's value; "-1" is, so that the config can say what is wrong with it.
    if (value === "" || (inline === undefined && value.startsWith("--"))) {
      throw usage(`--${flag.name} needs a value: --${flag.name} ${flag.value}`);
    }
    if (flag.repeatable === undefined && given.some((other) => other.flag === flag)) {
      throw usage(`--${flag.name} is given twice`);
    }
    given.push({ flag, value });
  }
  return understand(words, given, commands);
}

function understand(
  words: readonly string[],
  given: Invocation["flags"],
  commands: readonly Command[],
): Invocation {
  const help = given.some(({ flag }) => flag === helpFlag);
  const flags = given.filter(({ flag }) => flag !== helpFlag && flag !== versionFlag);
  const [name, ...args] = wantsVersion(words, given) ? ["version"] : words;
  if (name === undefined) {
    if (help) return { command: null, help, args: [], flags: [] };
    throw usage(`no command given, ${choices(commands)}`);
  }
  const command = commands.find((candidate) => candidate.name === name);
  if (command === undefined) {
    const known = [...commands.map((it) => it.name), "--help", "--version"];
    throw usage(`unknown command ${quoted(name)}, ${guess(name, known) ?? choices(commands)}`);
  }
  checkFlags(command, flags, commands);
  if (!help) checkArguments(command, args);
  return { command, help, args, flags };
}

/** `--version` alone is the command of that name. */
function wantsVersion(words: readonly string[], given: Invocation["flags"]): boolean {
  if (!given.some(({ flag }) => flag === versionFlag)) return false;
  if (words.length > 0) throw usage(`--version takes no command, got ${quoted(words[0] ?? "")}`);
  return true;
}

function readFlag(word: string, known: ReadonlyMap<string, Flag>): { flag: Flag; inline?: string } {
  const [, dashes = "", rawName = "", inline] = /^(--?)([^=]*)(?:=(.*))?$/s.exec(word) ?? [];
  // The original's users write --margin_ratio.
  const longName = rawName.replaceAll("_", "-");
  const flag = known.get((dashes === "-" ? shortNames.get(rawName) : longName) ?? "");
  if (flag !== undefined) return inline === undefined ? { flag } : { flag, inline };
  const names = [...known.keys()].map((it) => `--${it}`);
  throw usage(
    `unknown flag ${quoted(dashes + rawName)}, ${guess(`--${longName}`, names) ?? "see oom-guard --help"}`,
  );
}

const shortNames: ReadonlyMap<string, string> = new Map([
  ["h", "help"],
  ["v", "version"],
]);

function checkFlags(command: Command, flags: Invocation["flags"], commands: readonly Command[]): void {
  const wrong = flags.find(({ flag }) => !command.flags.some(({ name }) => name === flag.name));
  if (wrong === undefined) return;
  const owners = commands.filter(({ flags: own }) => own.some(({ name }) => name === wrong.flag.name));
  const names = owners.map(({ name }) => name).join(", ");
  throw usage(`${command.name} has no flag --${wrong.flag.name}, it belongs to ${names}`);
}

function checkArguments({ name, argument }: Command, args: readonly string[]): void {
  const [first, ...more] = args;
  if (argument === undefined) {
    if (first !== undefined) throw usage(`${name} takes no argument, got ${quoted(first)}`);
    return;
  }
  if (first === undefined || first === "") throw usage(`${name} needs ${argument.name}: ${argument.hint}`);
  if (more[0] !== undefined)
    throw usage(`${name} takes one ${argument.name}, got ${quoted(more[0])} as well`);
}

function guess(word: string, known: readonly string[]): string | null {
  const best = likely(word, known);
  return best === null ? null : `did you mean ${best}?`;
}

function choices(commands: readonly Command[]): string {
  return `must be one of ${commands.map(({ name }) => name).join(", ")}; see oom-guard --help`;
}

function quoted(word: string): string {
  return `"${printable(word, 60)}"`;
}

function usage(message: string): UserError {
  return new UserError(message, exitCode.usage);
}
