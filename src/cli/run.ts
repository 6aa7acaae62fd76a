import { release } from "node:os";
import packageFile from "../../package.json" with { type: "json" };
import type { Config } from "../config/config.ts";
import { Daemon } from "../daemon/daemon.ts";
import type { MemoryMount } from "../discover/mount.ts";
import { createLog, type Log } from "../report/log.ts";
import { humanSize } from "../report/size.ts";
import { type ServiceEnvironment, takeServiceEnvironment } from "../service/environment.ts";
import { GuardService } from "../service/guard-service.ts";
import { tellFailure } from "../service/tell-failure.ts";
import { configurationFor } from "./configuration.ts";
import { exitCode, UserError } from "./exit.ts";
import type { CliOptions } from "./flags.ts";
import { GuardMemory } from "./guard-memory.ts";
import type { Handler } from "./handler.ts";
import { memoryMount } from "./memory-mount.ts";
import { prepare } from "./prepare.ts";
import { reload } from "./reload.ts";
import { Stop } from "./stop.ts";
import { takeLock } from "./take-lock.ts";
import { sayWhatHasNoEffect } from "./without-effect.ts";

/** `oom-guard run`: guards this node until it is told to stop. */
export const run: Handler = async (options) => {
  const service = takeServiceEnvironment(process.env, process.pid);
  try {
    return await runUnder(service, options);
  } catch (error) {
    tellFailure(service, error instanceof Error ? error.message : String(error));
    throw error;
  }
};

async function runUnder(environment: ServiceEnvironment, options: CliOptions): Promise<number> {
  const config = configurationFor(options);
  const mount = memoryMount(config);
  if (process.getuid?.() !== 0)
    throw new UserError("run must be started as root: it kills processes of others", exitCode.failed);
  const lock = takeLock(config.stateDir);
  const log = createLog({ format: config.logFormat, level: config.logLevel });
  try {
    return await guard(options, config, mount, log, new GuardService(environment, log));
  } finally {
    await log.close();
    lock.release();
  }
}

async function guard(
  options: CliOptions,
  config: Config,
  mount: MemoryMount,
  log: Log,
  service: GuardService,
): Promise<number> {
  sayWhatHasNoEffect(config, mount.version, release(), (message) =>
    log.warn("setting-without-effect", message),
  );
  const prepared = await prepare(config, mount, log);
  const stop = new Stop(log, service);
  // One that comes while the guard starts waits, one that comes while it stops is too late; untended both would end the
  // process.
  const started = Promise.withResolvers<Daemon>();
  process.on("SIGHUP", async () => {
    const daemon = await started.promise;
    if (!stop.isAsked) await reload(options, mount.version, daemon, log, service);
  });
  const memory = new GuardMemory((message) => log.info("memory-not-locked", message));
  const daemon = await Daemon.start({
    ...prepared,
    onFatal: (reason) => {
      log.error("sentinel-failed", `${reason}; nobody guards any more`);
      stop.ask(reason, exitCode.failed);
    },
    onWarm: () => memory.settle(),
    onTick: (goneCount) => {
      service.renew();
      memory.keep();
      memory.collect(goneCount);
    },
  });
  // It may have been told to stop, or the sentinel thread has ended, while it started.
  if (!stop.isAsked) introduce(daemon, config, mount, log);
  service.started(daemon);
  started.resolve(daemon);
  const code = await stop.asked;
  const lost = prepared.recorder.close(await daemon.stop());
  if (lost > 0)
    log.error(
      "incidents-not-stored",
      `${lost} incidents could not be stored: the next start finds them in the black box`,
    );
  await service.close();
  return code;
}

function introduce(daemon: Daemon, config: Config, mount: MemoryMount, log: Log): void {
  log.info("guarding", `oom-guard ${packageFile.version} guards ${daemon.watchedCount} cgroups`, {
    kernel: release(),
    mount: mount.path,
    cgroups: `v${mount.version}`,
    roots: config.cgroupRoots.join(" "),
    policy: config.policy,
    held: daemon.heldCount,
    margin: `${config.marginRatio * 100}% of the limit, ${humanSize(config.minMarginBytes)} to ${humanSize(config.maxMarginBytes)}`,
    rules: config.rules.length,
    stateDir: config.stateDir,
  });
}
