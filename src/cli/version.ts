import { release, type as system } from "node:os";
import packageFile from "../../package.json" with { type: "json" };
import { printable } from "../report/text.ts";
import { exitCode } from "./exit.ts";
import type { Handler } from "./handler.ts";
import { writeOut } from "./output.ts";

/** `oom-guard version`: what a bug report needs. */
export const version: Handler = async ({ json }) => {
  const facts = {
    name: packageFile.name,
    version: packageFile.version,
    bun: Bun.version,
    kernel: printable(`${system()} ${release()}`),
  };
  const line = `${facts.name} ${facts.version} (bun ${facts.bun}, ${facts.kernel})`;
  await writeOut(`${json ? JSON.stringify(facts) : line}\n`);
  return exitCode.ok;
};
