import type { CliOptions } from "./flags.ts";

/** What a command does with its options and arguments. The number is the exit code; what the user can mend is a UserError. */
export type Handler = (options: CliOptions, args: readonly string[]) => Promise<number>;
