import { readFileSync } from "node:fs";
import { close, openDirectory, openFile } from "../../../ffi/file.ts";
import { cString } from "../../../ffi/native-buffer.ts";
import { SysError } from "../../../ffi/sys-error.ts";
import type { Armed, Hierarchy, Meaning, Signal } from "../hierarchy.ts";
import { forceEmpty } from "./reclaim.ts";
import { registerOom, registerPressure, registerThreshold, type ThresholdUnit } from "./register.ts";

// No limit reads as the largest page-aligned number; the page size is the machine's, so anything near it counts.
const UNLIMITED_BYTES = 2 ** 62;

/** The cgroup v1 memory controller mounted at a directory. @param unit what calibration found */
export function hierarchyV1(mount: string, unit: ThresholdUnit): Hierarchy {
  const read = (cgroup: string, file: string) => {
    const path = `${mount}${cgroup}/${file}`;
    try {
      return readFileSync(path, "utf8").trim();
    } catch (error) {
      throw new SysError("read", Math.abs((error as { errno?: number }).errno ?? 0), path, { cause: error });
    }
  };

  return {
    version: 1,
    mount,

    limitBytes(cgroup) {
      const bytes = Number(read(cgroup, "memory.limit_in_bytes"));
      return bytes >= UNLIMITED_BYTES ? Number.POSITIVE_INFINITY : bytes;
    },

    coversChildren(cgroup) {
      return read(cgroup, "memory.use_hierarchy") === "1";
    },

    arm(cgroup, thresholdBytes, nearBytes): Armed {
      const directory = `${mount}${cgroup}`;
      const opened: number[] = [];
      const keep = (fd: number) => {
        opened.push(fd);
        return fd;
      };
      const signals: Signal[] = [];
      const refused: { meaning: Meaning; error: SysError }[] = [];
      const ask = (meaning: Meaning, register: () => number) => {
        try {
          signals.push({ meaning, fd: keep(register()) });
        } catch (error) {
          if (!(error instanceof SysError)) throw error;
          refused.push({ meaning, error });
        }
      };
      try {
        const directoryFd = openDirectory(cString(directory));
        if (directoryFd < 0) throw new SysError("open", -directoryFd, directory);
        keep(directoryFd);
        const usageFd = keep(openFile(`${directory}/memory.usage_in_bytes`, 0));
        const statFd = keep(openFile(`${directory}/memory.stat`, 0));
        if (unit !== "none") {
          ask("threshold", () => registerThreshold(directory, thresholdBytes, unit));
          if (nearBytes > 0) ask("near", () => registerThreshold(directory, nearBytes, unit));
        }
        ask("pressure", () => registerPressure(directory, "medium"));
        ask("reclaim", () => registerPressure(directory, "low"));
        ask("oom", () => registerOom(directory));
        return { directoryFd, usageFd, statFd, signals, refused };
      } catch (error) {
        for (const fd of opened) close(fd);
        throw error;
      }
    },

    reclaim: (cgroup, budgetMs) => forceEmpty(`${mount}${cgroup}`, budgetMs),
  };
}
