import { release } from "node:os";
import { loadConfig } from "../config/load.ts";
import type { Daemon } from "../daemon/daemon.ts";
import type { Log } from "../report/log.ts";
import type { GuardService } from "../service/guard-service.ts";
import type { CliOptions } from "./flags.ts";
import { keepCredentials } from "./keep-credentials.ts";
import { sayWhatHasNoEffect } from "./without-effect.ts";

/** Reads the configuration again; resolves when what it changes is in force. One that is not valid changes nothing. */
export async function reload(
  options: CliOptions,
  cgroupVersion: 1 | 2,
  daemon: Daemon,
  log: Log,
  service: GuardService,
): Promise<void> {
  const reloaded = service.reloading();
  const problem = reconfigure(options, cgroupVersion, daemon, log);
  await daemon.settled();
  reloaded(problem);
}

/** @returns why the running configuration stays, or null */
function reconfigure(options: CliOptions, cgroupVersion: 1 | 2, daemon: Daemon, log: Log): string | null {
  const result = loadConfig({ path: options.config, flags: options.settings });
  if (!result.ok) {
    log.error("reload-failed", `the running configuration stays: ${result.message}`);
    return result.message;
  }
  // It may have been off until now.
  keepCredentials(result.config, (message) => log.info("core-files-possible", message));
  const later = daemon.reconfigure(result.config);
  sayWhatHasNoEffect(result.config, cgroupVersion, release(), (message) =>
    log.warn("setting-without-effect", message),
  );
  log.info("reloaded", `configuration read again, ${daemon.watchedCount} cgroups guarded`, {
    source: result.source,
  });
  if (later.length > 0)
    log.warn("restart-needed", `changed, but in force only after a restart: ${later.join(", ")}`);
  return null;
}
