import { printable } from "../report/text.ts";
import { assetNames, assets } from "./assets.ts";
import { exitCode, UserError } from "./exit.ts";
import type { Handler } from "./handler.ts";
import { writeOut } from "./output.ts";

/** `oom-guard print ASSET`: a file the executable carries, on standard output. */
export const print: Handler = async (_options, [asset = ""]) => {
  const load = Object.hasOwn(assets, asset) ? assets[asset] : undefined;
  if (load === undefined) {
    throw new UserError(
      `unknown ASSET "${printable(asset, 60)}", must be one of ${assetNames}`,
      exitCode.usage,
    );
  }
  await writeOut(await load());
  return exitCode.ok;
};
