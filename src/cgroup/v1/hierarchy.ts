import { ENODEV, ENOENT } from "../../../ffi/errno.ts";
import { close, openDirectory, openFile } from "../../../ffi/file.ts";
import { cString } from "../../../ffi/native-buffer.ts";
import { SysError } from "../../../ffi/sys-error.ts";
import type { Hierarchy, Meaning, Refusal, Signal } from "../hierarchy.ts";
import { readControl } from "../read-control.ts";
import { forceEmpty } from "./reclaim.ts";
import { registerOom, registerPressure, registerThresholdInPool, type ThresholdUnit } from "./register.ts";

// No limit reads as the largest page-aligned number; the page size is the machine's, so anything near it counts.
const UNLIMITED_BYTES = 2 ** 62;

/** The cgroup v1 memory controller mounted at a directory. @param unit what calibration found */
export function hierarchyV1(mount: string, unit: ThresholdUnit): Hierarchy {
  const read = (cgroup: string, file: string) => readControl(`${mount}${cgroup}/${file}`);

  return {
    version: 1,
    mount,
    control: { names: ["memory.limit_in_bytes", "memory.use_hierarchy"], singly: false },
    // force_empty has no such option.
    reclaimSparesSwap: false,

    limitBytes(cgroup) {
      const bytes = Number(read(cgroup, "memory.limit_in_bytes"));
      return bytes >= UNLIMITED_BYTES ? Number.POSITIVE_INFINITY : bytes;
    },

    coversChildren(cgroup) {
      return read(cgroup, "memory.use_hierarchy") === "1";
    },

    diesAsOne: () => false,

    arm(cgroup) {
      const directory = `${mount}${cgroup}`;
      const opened: number[] = [];
      const keep = (fd: number) => {
        opened.push(fd);
        return fd;
      };
      const signals: Signal[] = [];
      const refused: Refusal[] = [];
      const ask = (meaning: Meaning, register: () => number) => {
        try {
          signals.push({ meaning, fd: keep(register()), wakes: "readable" });
        } catch (error) {
          refused.push({ meaning, error: refusal(error) });
        }
      };
      try {
        const directoryFd = openDirectory(cString(directory));
        if (directoryFd < 0) throw new SysError("open", -directoryFd, directory);
        keep(directoryFd);
        const usageFd = keep(openFile(`${directory}/memory.usage_in_bytes`, 0));
        const statFd = keep(openFile(`${directory}/memory.stat`, 0));
        ask("pressure", () => registerPressure(directory, "medium"));
        ask("reclaim", () => registerPressure(directory, "low"));
        ask("oom", () => registerOom(directory));
        return { directoryFd, usageFd, statFd, signals, refused };
      } catch (error) {
        for (const fd of opened) close(fd);
        throw error;
      }
    },

    async armThresholds(cgroup, { thresholdBytes, nearBytes }) {
      const signals: Signal[] = [];
      const refused: Refusal[] = [];
      const ask = async (meaning: Meaning, bytes: number) => {
        if (unit === "none" || bytes <= 0) return;
        try {
          const fd = await registerThresholdInPool(`${mount}${cgroup}`, bytes, unit);
          signals.push({ meaning, fd, wakes: "readable" });
        } catch (error) {
          refused.push({ meaning, error: refusal(error) });
        }
      };
      const asked = await Promise.allSettled([ask("threshold", thresholdBytes), ask("near", nearBytes)]);
      for (const outcome of asked) {
        if (outcome.status === "fulfilled") continue;
        for (const { fd } of signals) close(fd);
        throw outcome.reason;
      }
      return { signals, refused };
    },

    // Thresholds are registrations: they end with their descriptors, and nobody can overwrite them.
    renew: () => Promise.resolve(),
    letGo: () => undefined,
    tidy: () => undefined,
    letAllGo: () => Promise.resolve(),

    reclaim: (cgroup, _wantedBytes, budgetMs) => forceEmpty(`${mount}${cgroup}`, budgetMs),
  };
}

/** What the kernel said no with. @throws anything else, and SysError when the cgroup is gone */
function refusal(error: unknown): SysError {
  if (!(error instanceof SysError) || error.errno === ENOENT || error.errno === ENODEV) throw error;
  return error;
}
