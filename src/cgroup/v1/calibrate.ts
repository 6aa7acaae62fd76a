import { readFileSync, rmdirSync } from "node:fs";
import { Ballast } from "../../../ffi/ballast.ts";
import { drainEventfd } from "../../../ffi/eventfd.ts";
import { close, writeControl } from "../../../ffi/file.ts";
import { SysError } from "../../../ffi/sys-error.ts";
import { parseCgroupPath } from "../../proc/cgroup-path.ts";
import { makeScratch } from "../scratch.ts";
import { registerThreshold, type ThresholdUnit } from "./register.ts";

const MIB = 1024 * 1024;

/**
 * Finds out in what unit this kernel takes thresholds. CentOS 7.3's (3.10.0-514) stores bytes as pages: a threshold
 * fires at once, over and over, and never where it should; later 7.x kernels are right, and no version string says
 * which is which. So: this process moves into a scratch cgroup without a limit, arms a threshold 4 MB above its
 * usage, and grows past it, looking in between. Takes a few milliseconds.
 * @throws SysError when the scratch cgroup cannot be made or entered
 */
export function calibrateThresholds(mount: string, procRoot = "/proc"): ThresholdUnit {
  const home = parseCgroupPath(readFileSync(`${procRoot}/self/cgroup`, "utf8"), 1);
  const scratch = `${mount}${makeScratch(mount, procRoot)}`;
  try {
    writeControl(`${scratch}/cgroup.procs`, `${process.pid}`);
    try {
      return firesInside(scratch, "bytes") ? "bytes" : firesInside(scratch, "pages") ? "pages" : "none";
    } finally {
      writeControl(`${mount}${home ?? ""}/cgroup.procs`, `${process.pid}`);
    }
  } finally {
    rmdirSync(scratch);
  }
}

/** Whether a threshold in this unit is granted, stays silent below its place and fires above it. */
function firesInside(scratch: string, unit: "bytes" | "pages"): boolean {
  const ballast = new Ballast(12 * MIB);
  try {
    const usageBytes = Number(readFileSync(`${scratch}/memory.usage_in_bytes`, "utf8"));
    const eventFd = registerThreshold(scratch, usageBytes + 4 * MIB, unit);
    try {
      drainEventfd(eventFd);
      // The kernel looks about every 128 page events per CPU, hence the wide steps.
      ballast.touch(0, 2 * MIB);
      const early = drainEventfd(eventFd) > 0;
      ballast.touch(2 * MIB, 12 * MIB);
      return !early && drainEventfd(eventFd) > 0;
    } finally {
      close(eventFd);
    }
  } catch (error) {
    // A kernel built for real time has none (EOPNOTSUPP).
    if (error instanceof SysError) return false;
    throw error;
  } finally {
    ballast.release();
  }
}
