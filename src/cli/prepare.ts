import { release } from "node:os";
import { reserveDescriptors } from "../../ffi/descriptor-table.ts";
import { widenThreadPool } from "../../ffi/thread-pool.ts";
import { memoryReader } from "../cgroup/memory-reader.ts";
import type { Config } from "../config/config.ts";
import { eventMode } from "../daemon/cluster.ts";
import type { DaemonParts } from "../daemon/daemon.ts";
import { openBlackBox, openRecorder } from "../daemon/recording.ts";
import type { MemoryMount } from "../discover/mount.ts";
import { ClusterAccess } from "../kubernetes/cluster-access.ts";
import type { Log } from "../report/log.ts";
import { sentinelUrl } from "../sentinel-url.ts";
import { keepCredentials } from "./keep-credentials.ts";
import { openHierarchy } from "./open-hierarchy.ts";

// One waits for the kernel's log, the others close descriptors and write files. Each costs some 50 KB for ever; what waits
// for the kernel many at once has threads of its own (`ffi/async-write.ts`).
const POOL_THREADS = 8;
// For 400 cgroups; 32 KB of the kernel's memory.
const DESCRIPTORS = 4096;

/** Readies this process for the guard, and opens what the guard works with. What cannot be had is said and done without. */
export async function prepare(
  config: Config,
  mount: MemoryMount,
  log: Log,
): Promise<Omit<DaemonParts, "onFatal" | "onTick" | "onWarm">> {
  widenThreadPool(POOL_THREADS);
  const opening = openHierarchy(config, mount, log);
  // Both wait for the kernel, and so at the same time.
  reserveDescriptors(DESCRIPTORS);
  const blackBox = openBlackBox(config.stateDir, log);
  const clusterAccess = new ClusterAccess(config.kubernetes, process.env);
  keepCredentials(config, (message) => log.info("core-files-possible", message));
  const { recorder, counted } = openRecorder(config.stateDir, blackBox, mount.version, log, () =>
    eventMode(clusterAccess),
  );
  return {
    config,
    log,
    hierarchy: await opening,
    reader: memoryReader(mount.version),
    recorder,
    counted,
    sentinelUrl,
    blackBoxFd: blackBox?.fd ?? -1,
    kernelRelease: release(),
    clusterAccess,
  };
}
