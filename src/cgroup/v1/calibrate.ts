import { readFileSync, rmdirSync } from "node:fs";
import { Ballast } from "../../../ffi/ballast.ts";
import { drainEventfd } from "../../../ffi/eventfd.ts";
import { close, writeControl } from "../../../ffi/file.ts";
import { SysError } from "../../../ffi/sys-error.ts";
import { parseCgroupPath } from "../../proc/cgroup-path.ts";
import { makeScratch } from "../scratch.ts";
import { Register, registerThresholdInPool, type ThresholdUnit } from "./register.ts";

const MIB = 1024 * 1024;

/**
 * Finds out in what unit this kernel takes thresholds. CentOS 7.3's (3.10.0-514) stores bytes as pages: a threshold
 * fires at once, over and over, and never where it should; later 7.x kernels are right, and no version string says
 * which is which. So: a threshold is armed in a scratch cgroup without a limit, 4 MB above its usage, and this process
 * moves in and grows past it, looking in between. Takes as long as the kernel needs to register a threshold, and leaves
 * the thread alone meanwhile. To be called from the main thread: what a process uses is charged where that one is.
 * @throws SysError when the scratch cgroup cannot be made or entered
 */
export async function calibrateThresholds(mount: string, procRoot = "/proc"): Promise<ThresholdUnit> {
  const home = parseCgroupPath(readFileSync(`${procRoot}/self/cgroup`, "utf8"), 1);
  const scratch = `${mount}${makeScratch(mount, procRoot)}`;
  const stay = { scratch, home: `${mount}${home ?? ""}` };
  try {
    if (await firesInside(stay, "bytes")) return "bytes";
    return (await firesInside(stay, "pages")) ? "pages" : "none";
  } finally {
    rmdirSync(scratch);
  }
}

/** The directories of two cgroups. */
interface Stay {
  readonly scratch: string;
  readonly home: string;
}

/** Whether a threshold in this unit is granted, stays silent below its place and fires above it. */
async function firesInside(stay: Stay, unit: "bytes" | "pages"): Promise<boolean> {
  const usageBytes = Number(readFileSync(`${stay.scratch}/memory.usage_in_bytes`, "utf8"));
  const eventFd = await armed(stay.scratch, usageBytes + 4 * MIB, unit);
  if (eventFd === null) return false;
  try {
    drainEventfd(eventFd);
    return firesAsUsageGrows(eventFd, stay);
  } finally {
    close(eventFd);
  }
}

/** Null: not granted. A kernel built for real time has none (EOPNOTSUPP). */
async function armed(scratch: string, bytes: number, unit: "bytes" | "pages"): Promise<number | null> {
  const register = new Register(scratch);
  try {
    return await registerThresholdInPool(register, bytes, unit);
  } catch (error) {
    if (error instanceof SysError) return null;
    throw error;
  } finally {
    register.close();
  }
}

function firesAsUsageGrows(eventFd: number, { scratch, home }: Stay): boolean {
  const ballast = new Ballast(12 * MIB);
  try {
    enter(scratch);
    // The kernel looks about every 128 page events per CPU, hence the wide steps.
    ballast.touch(0, 2 * MIB);
    const early = drainEventfd(eventFd) > 0;
    ballast.touch(2 * MIB, 12 * MIB);
    return !early && drainEventfd(eventFd) > 0;
  } finally {
    ballast.release();
    enter(home);
  }
}

/**
 * Moves the calling thread alone: a whole process has to be kept from forking meanwhile, for which the kernel waits for an
 * RCU grace period (cgroup_procs_write_start(), kernel/cgroup/cgroup.c), 7 to 20 ms. What its process uses is charged where
 * the main thread is (get_mem_cgroup_from_mm(), mm/memcontrol.c).
 */
function enter(directory: string): void {
  writeControl(`${directory}/tasks`, "0");
}
