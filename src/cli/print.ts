import { sampleConfig } from "../config/sample.ts";
import { printable } from "../report/text.ts";
import { exitCode, UserError } from "./exit.ts";
import type { Handler } from "./handler.ts";
import { writeOut } from "./output.ts";

/** The files the executable carries, by the name `print` knows them under. */
const assets: Readonly<Record<string, string>> = {
  config: sampleConfig,
};

/** `oom-guard print ASSET`: a file the executable carries, on standard output. */
export const print: Handler = async (_options, [asset = ""]) => {
  const text = Object.hasOwn(assets, asset) ? assets[asset] : undefined;
  if (text === undefined) {
    const known = Object.keys(assets).join(", ");
    throw new UserError(`unknown ASSET "${printable(asset, 60)}", must be one of ${known}`, exitCode.usage);
  }
  await writeOut(text);
  return exitCode.ok;
};
