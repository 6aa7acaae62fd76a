import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The `Environment=` lines of the unit that is shipped: what is measured runs as it does on a node. */
export function unitEnvironment(
  unit = readFileSync(join(import.meta.dir, "../../systemd/oom-guard.service"), "utf8"),
): Record<string, string> {
  const assignments = [...unit.matchAll(/^Environment=(.*)$/gm)].flatMap(([, line]) =>
    [...line!.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!),
  );
  return Object.fromEntries(
    assignments.map((text) => [text.slice(0, text.indexOf("=")), text.slice(text.indexOf("=") + 1)]),
  );
}
