import { existsSync } from "node:fs";
import { EINVAL, ENODEV, ENOENT } from "../../../ffi/errno.ts";
import { close, openControl } from "../../../ffi/file.ts";
import { cString } from "../../../ffi/native-buffer.ts";
import { SysError } from "../../../ffi/sys-error.ts";
import type { Hierarchy, Refusal, Signal } from "../hierarchy.ts";
import { openCgroup, openFiles } from "../open-files.ts";
import { readNumber } from "../read-control.ts";
import type { HighKeeper } from "./high.ts";
import { openEvents } from "./open-events.ts";
import { reclaimMemory, sparesSwap } from "./reclaim.ts";

// Stalled for 10 ms within half a second, the shortest window there is; without CAP_SYS_RESOURCE it must be two seconds
// from Linux 6.5 on (kernel/sched/psi.c).
const FINE_PSI = "some 10000 500000";
const COARSE_PSI = "some 10000 2000000";
const LAST_WRITE_MS = 500;
const FILES = { usage: cString("memory.current"), stat: cString("memory.stat") };

/** What may be written into cgroups. */
export interface Holding {
  /** Null: nothing, as a command that only looks. */
  readonly keeper: HighKeeper | null;
  /** Whether memory.high may be set, or only given back. */
  readonly mayHold: boolean;
}

/** The cgroup v2 memory controller mounted at a directory. */
export function hierarchyV2(mount: string, { keeper, mayHold }: Holding): Hierarchy {
  let spares: boolean | null = null;

  return {
    version: 2,
    mount,
    control: ["memory.max", "memory.high"],
    get reclaimSparesSwap() {
      spares ??= sparesSwap(mount);
      return spares;
    },

    limitBytes(cgroup) {
      try {
        return readNumber(`${mount}${cgroup}/memory.max`);
      } catch (error) {
        // Without the memory controller it has no such file, and may get one.
        if (isGone(error) && existsSync(`${mount}${cgroup}`)) return Number.POSITIVE_INFINITY;
        throw error;
      }
    },

    coversChildren: () => true,

    arm: (cgroup) => openFiles(`${mount}${cgroup}`, FILES, () => ({ signals: [], refused: [] })),

    async armThresholds(cgroup, { thresholdBytes, hold }, onGranted) {
      const directory = `${mount}${cgroup}`;
      const signals: Signal[] = [];
      const refused: Refusal[] = [];
      let held = false;
      if (keeper !== null && mayHold && hold) {
        try {
          await keeper.hold(cgroup, thresholdBytes);
          held = true;
        } catch (error) {
          refused.push({ meaning: "threshold", error: refusal(error, directory) });
        }
      } else keeper?.letGo(cgroup);
      if (!held) {
        try {
          signals.push({ meaning: "pressure", fd: armPressure(directory), wakes: "priority" });
        } catch (error) {
          refused.push({ meaning: "pressure", error: refusal(error, directory) });
        }
      }
      try {
        // At the limit it tells, too, so it is of use without a threshold.
        const meaning = held ? "threshold" : "pressure";
        signals.push({ meaning, fd: openEventsOf(directory), wakes: "priority" });
      } catch (error) {
        for (const { fd } of signals) close(fd);
        throw error;
      }
      for (const signal of signals) onGranted(signal);
      return refused;
    },

    async renew(cgroup, { thresholdBytes, hold }) {
      if (mayHold && hold) await keeper?.hold(cgroup, thresholdBytes);
    },

    letGo: (cgroup) => keeper?.letGo(cgroup),
    tidy: () => keeper?.tidy(),
    letAllGo: async () => keeper?.letAllGo(LAST_WRITE_MS),
    get heldCount() {
      return keeper?.count ?? 0;
    },

    reclaim(cgroup, wantedBytes, budgetMs) {
      return reclaimMemory(`${mount}${cgroup}`, wantedBytes, this.reclaimSparesSwap, budgetMs);
    },
  };
}

/** @returns a descriptor that is ready when tasks of the cgroup have waited for memory @throws SysError */
function armPressure(directory: string): number {
  try {
    return openControl(`${directory}/memory.pressure`, FINE_PSI);
  } catch (error) {
    if (!(error instanceof SysError) || error.errno !== EINVAL) throw error;
    return openControl(`${directory}/memory.pressure`, COARSE_PSI);
  }
}

function openEventsOf(directory: string): number {
  const directoryFd = openCgroup(directory);
  try {
    const fd = openEvents(directoryFd);
    if (fd < 0) throw new SysError("open", -fd, `${directory}/memory.events`);
    return fd;
  } finally {
    close(directoryFd);
  }
}

const isGone = (error: unknown) =>
  error instanceof SysError && (error.errno === ENOENT || error.errno === ENODEV);

/** What the kernel said no with: a file may be missing (psi=0) while its cgroup is there. @throws anything else */
function refusal(error: unknown, directory: string): SysError {
  if (!(error instanceof SysError)) throw error;
  if (isGone(error) && !existsSync(directory)) throw error;
  return error;
}
