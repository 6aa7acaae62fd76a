import { cac } from "cac";
import packageFile from "../../package.json" with { type: "json" };
import { type Invocation, readArgv } from "./argv.ts";
import { commands as allCommands, type Command } from "./command.ts";
import { exitCode } from "./exit.ts";
import { readOptions } from "./flags.ts";

/**
 * Runs one command line.
 * @param argv without the program's own name
 * @returns the exit code
 * @throws UserError for everything the user can mend
 */
export async function runProgram(argv: readonly string[], commands = allCommands): Promise<number> {
  const cli = declare(commands);
  cli.parse(["", "", ...forCac(readArgv(argv, commands))], { run: false });
  const code: unknown = await cli.runMatchedCommand();
  return typeof code === "number" ? code : exitCode.ok;
}

function declare(commands: readonly Command[]) {
  const cli = cac("oom-guard");
  for (const { name, summary, argument, flags, load } of commands) {
    const usage = argument === undefined ? name : `${name} <${argument.name}>`;
    const command = cli.command(usage, summary).usage(`${usage} [options]`);
    for (const flag of flags) {
      if (flag.value === undefined) command.option(`--${flag.name}`, flag.help);
      else command.option(`--${flag.name} <${flag.value}>`, flag.help);
    }
    command.action(async (...given: unknown[]) => {
      const options = given.at(-1) as Record<string, unknown>;
      const handler = await load();
      const texts = Object.entries(options).map(([name, value]) => [name, unshield(value)]);
      return handler(
        readOptions(Object.fromEntries(texts)),
        given.slice(0, -1).flatMap(unshield).map(String),
      );
    });
  }
  cli.help((sections) =>
    sections
      .filter(({ title }) => title?.startsWith("For more info") !== true)
      .map((section) => ({ ...section, body: section.body.replace(/ +$/gm, "") })),
  );
  cli.version(packageFile.version);
  return cli;
}

/** The command line in the one spelling that cac's parser cannot misread. */
function forCac({ command, help, args, flags }: Invocation): string[] {
  const words = command === null ? [] : [command.name];
  if (help) return [...words, "--help"];
  const texts = flags.map(({ flag, value }) =>
    value === undefined ? `--${flag.name}` : `--${flag.name}=${shield(value)}`,
  );
  return [...words, ...args.map(shield), ...texts];
}

// cac turns words that look like numbers into numbers, and 007, 1e3 or a long container id of digits would not come
// back as they were typed. Behind an equals sign nothing looks like a number, or like a flag.
function shield(word: string): string {
  return `=${word}`;
}

/** What was shielded, once or several times, as a list. A switch is not a word and stays what it is. */
function unshield(value: unknown): unknown {
  const words = Array.isArray(value) ? value : [value];
  return words.every((word) => typeof word === "string") ? words.map((word) => word.slice(1)) : value;
}
