import type { Config } from "../config/config.ts";
import { loadConfig } from "../config/load.ts";
import { exitCode, UserError } from "./exit.ts";
import type { CliOptions } from "./flags.ts";

/** The configuration a command works with. @throws UserError (exit code 2) in one line when it is not valid */
export function configurationFor(options: CliOptions): Config {
  const result = loadConfig({ path: options.config, flags: options.settings });
  if (!result.ok) throw new UserError(result.message, exitCode.usage);
  return result.config;
}
