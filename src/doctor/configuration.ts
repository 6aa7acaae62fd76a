import { defaultConfigPath, type LoadResult } from "../config/load.ts";
import { type Finding, fail, ok } from "./check.ts";

/** Is the configuration valid? */
export function checkConfiguration(loaded: LoadResult): Finding {
  if (!loaded.ok) {
    return fail(
      `${loaded.message}; the other checks go by the defaults`,
      "correct it; oom-guard print config shows every key",
    );
  }
  return ok(loaded.source ?? `defaults, there is no ${defaultConfigPath}`);
}
