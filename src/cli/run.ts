import { release } from "node:os";
import { widenThreadPool } from "../../ffi/thread-pool.ts";
import packageFile from "../../package.json" with { type: "json" };
import { calibrateThresholds } from "../cgroup/v1/calibrate.ts";
import { hierarchyV1 } from "../cgroup/v1/hierarchy.ts";
import { memoryReaderV1 } from "../cgroup/v1/read.ts";
import type { ThresholdUnit } from "../cgroup/v1/register.ts";
import type { Config } from "../config/config.ts";
import { loadConfig } from "../config/load.ts";
import { eventMode } from "../daemon/cluster.ts";
import { Daemon } from "../daemon/daemon.ts";
import { openBlackBox, openRecorder } from "../daemon/recording.ts";
import { ClusterAccess } from "../kubernetes/cluster-access.ts";
import { lockStateDir } from "../record/lock.ts";
import { createLog, type Log } from "../report/log.ts";
import { humanSize } from "../report/size.ts";
import { sentinelUrl } from "../sentinel-url.ts";
import { type ServiceEnvironment, takeServiceEnvironment } from "../service/environment.ts";
import { GuardService } from "../service/guard-service.ts";
import { tellFailure } from "../service/tell-failure.ts";
import { configurationFor } from "./configuration.ts";
import { exitCode, UserError } from "./exit.ts";
import type { CliOptions } from "./flags.ts";
import type { Handler } from "./handler.ts";
import { keepCredentials } from "./keep-credentials.ts";
import { lockMemory } from "./lock-memory.ts";
import { memoryMount } from "./memory-mount.ts";

// One waits for changes of the tree, the others for the kernel to register thresholds. With 32 a start with 250 cgroups
// takes 0.45 s, with 8 1.3 s; an idle thread costs some 50 KB.
const POOL_THREADS = 32;

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
  mount: string,
  log: Log,
  service: GuardService,
): Promise<number> {
  sayWhatHasNoEffect(config, log);
  widenThreadPool(POOL_THREADS);
  lockMemory((message) => log.info("memory-not-locked", message));
  const unit = calibrate(mount, log);
  const blackBox = openBlackBox(config.stateDir, log);
  const clusterAccess = new ClusterAccess(config.kubernetes, process.env);
  keepCredentials(config, (message) => log.info("core-files-possible", message));
  const recorder = openRecorder(config.stateDir, blackBox, log, () => eventMode(clusterAccess));
  const stopped = Promise.withResolvers<number>();
  let isStopping = false;
  const stop = (why: string, code: number) => {
    isStopping = true;
    service.stopping(why);
    stopped.resolve(code);
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      log.info("stopping", `stopping on ${signal}`);
      stop(`stopping on ${signal}`, exitCode.ok);
    });
  }
  // One that comes while the guard starts waits, one that comes while it stops is too late; untended both would end the
  // process.
  const started = Promise.withResolvers<Daemon>();
  process.on("SIGHUP", async () => {
    const daemon = await started.promise;
    if (!isStopping) await reload(options, daemon, log, service);
  });
  const daemon = await Daemon.start({
    config,
    log,
    hierarchy: hierarchyV1(mount, unit),
    reader: memoryReaderV1,
    recorder,
    sentinelUrl,
    blackBoxFd: blackBox?.fd ?? -1,
    kernelRelease: release(),
    clusterAccess,
    onFatal: (reason) => {
      log.error("sentinel-failed", `${reason}; nobody guards any more`);
      stop(reason, exitCode.failed);
    },
    onTick: () => service.renew(),
  });
  // It may have been told to stop, or the sentinel thread has ended, while it started.
  if (!isStopping)
    log.info("guarding", `oom-guard ${packageFile.version} guards ${daemon.watchedCount} cgroups`, {
      kernel: release(),
      mount,
      roots: config.cgroupRoots.join(" "),
      policy: config.policy,
      margin: `${config.marginRatio * 100}% of the limit, ${humanSize(config.minMarginBytes)} to ${humanSize(config.maxMarginBytes)}`,
      rules: config.rules.length,
      stateDir: config.stateDir,
    });
  service.started(daemon);
  started.resolve(daemon);
  const code = await stopped.promise;
  const lost = recorder.close(await daemon.stop());
  if (lost > 0)
    log.error(
      "incidents-not-stored",
      `${lost} incidents could not be stored: the next start finds them in the black box`,
    );
  await service.close();
  return code;
}

function takeLock(stateDir: string): { release(): void } {
  try {
    const lock = lockStateDir(stateDir);
    if (lock.held) return lock;
    throw new UserError(
      `another oom-guard (${lock.holder}) holds ${stateDir}: stop it, or give this one its own --state-dir`,
      exitCode.failed,
    );
  } catch (error) {
    // A disk that cannot be written costs the record, never the guard.
    if (error instanceof UserError) throw error;
    return { release: () => undefined };
  }
}

/** Thresholds are trusted only after they were seen to work. */
function calibrate(mount: string, log: Log): ThresholdUnit {
  let unit: ThresholdUnit;
  try {
    unit = calibrateThresholds(mount);
  } catch (error) {
    log.warn(
      "thresholds-untried",
      `thresholds could not be tried out, so they are taken to be in bytes: ${String(error)}`,
    );
    return "bytes";
  }
  if (unit === "pages")
    log.warn("thresholds-in-pages", "this kernel takes thresholds in pages: the guard multiplies them");
  if (unit === "none") {
    log.warn(
      "thresholds-unusable",
      "this kernel's memory thresholds do not work: pressure and out-of-memory notifications and polling carry the guard",
    );
  }
  return unit;
}

async function reload(options: CliOptions, daemon: Daemon, log: Log, service: GuardService): Promise<void> {
  const reloaded = service.reloading();
  const problem = reconfigure(options, daemon, log);
  await daemon.settled();
  reloaded(problem);
}

/** Reads the configuration again. @returns why the running one stays, or null */
function reconfigure(options: CliOptions, daemon: Daemon, log: Log): string | null {
  const result = loadConfig({ path: options.config, flags: options.settings });
  if (!result.ok) {
    log.error("reload-failed", `the running configuration stays: ${result.message}`);
    return result.message;
  }
  // It may have been off until now.
  keepCredentials(result.config, (message) => log.info("core-files-possible", message));
  const later = daemon.reconfigure(result.config);
  sayWhatHasNoEffect(result.config, log);
  log.info("reloaded", `configuration read again, ${daemon.watchedCount} cgroups guarded`, {
    source: result.source,
  });
  if (later.length > 0)
    log.warn("restart-needed", `changed, but in force only after a restart: ${later.join(", ")}`);
  return null;
}

/** Keys of the contract that this version reads and checks, but does not serve yet. */
function sayWhatHasNoEffect(config: Config, log: Log): void {
  const { metrics, kernelOom } = config;
  const idle = [
    kernelOom === "hold" ? 'kernel_oom = "hold"' : null,
    metrics.listen === "off" ? null : "metrics.listen",
    metrics.textfile === "off" ? null : "metrics.textfile",
  ].filter((key) => key !== null);
  if (idle.length > 0)
    log.warn("setting-without-effect", `without effect in this version: ${idle.join(", ")}`);
}
