import type { Handler } from "./command.ts";
import { configurationFor } from "./configuration.ts";
import { exitCode, UserError } from "./exit.ts";

/** Stands in until the command is written. */
export const run: Handler = async (options) => {
  configurationFor(options);
  throw new UserError("not built yet", exitCode.failed);
};
