import { constants, release } from "node:os";
import type { Config } from "../config/config.ts";
import { type LoadResult, loadConfig } from "../config/load.ts";
import { parseConfig } from "../config/parse.ts";
import { checksFor } from "../doctor/checks.ts";
import { checkup } from "../doctor/checkup.ts";
import { doctorReport, renderDoctorJson } from "../report/doctor-json.ts";
import { type DoctorLook, renderCheck, renderDoctorSummary } from "../report/doctor-text.ts";
import { exitCode, UserError } from "./exit.ts";
import type { CliOptions } from "./flags.ts";
import type { Handler } from "./handler.ts";
import { keepCredentials } from "./keep-credentials.ts";
import { writeOut } from "./output.ts";
import { terminalLook } from "./terminal.ts";

// More than the waits in any one check come to, 4 s: each of them tells more than that it took too long. And the self-test
// must have removed its scratch cgroup before the next check makes one of the same name.
const CHECK_MS = 5000;

/** `oom-guard doctor`: can it work here? */
export const doctor: Handler = async (options) => {
  const loaded = loadConfig({ path: options.config, flags: options.settings });
  const config = configFor(loaded, options);
  keepCredentials(config, () => undefined);
  const checks = checksFor({
    loaded,
    config,
    kernel: { release: release(), arch: process.arch },
    uid: process.getuid?.() ?? -1,
    env: process.env,
    procRoot: "/proc",
    sysRoot: "/sys",
    devRoot: "/dev",
  });
  const look: DoctorLook = { ...terminalLook(), idWidth: Math.max(...checks.map(({ id }) => id.length)) };
  const stopped = stopAfterThis();
  const done = await checkup(checks, {
    timeoutMs: CHECK_MS,
    onChecked: async (checked) => {
      if (options.json || (await writeOut(renderCheck(checked, look)))) return;
      stopped.code = exitCode.ok;
    },
    isStopped: () => stopped.code !== null,
  });
  if (stopped.code !== null) return stopped.code;
  await writeOut(options.json ? renderDoctorJson(done) : `\n${renderDoctorSummary(done)}`);
  return doctorReport(done).ok ? exitCode.ok : exitCode.failed;
};

/** With a file that is wrong, the flags and the defaults. @throws UserError when the flags are wrong */
function configFor(loaded: LoadResult, { settings }: CliOptions): Config {
  if (loaded.ok) return loaded.config;
  const parsed = parseConfig("", "", settings);
  if (parsed.ok) return parsed.value;
  throw new UserError(parsed.message, exitCode.usage);
}

/** A signal ends it after the check under way: a scratch cgroup that was made is removed. */
function stopAfterThis(): { code: number | null } {
  const stopped: { code: number | null } = { code: null };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      stopped.code = 128 + constants.signals[signal];
    });
  }
  return stopped;
}
