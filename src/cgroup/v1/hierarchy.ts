import { ENODEV, ENOENT } from "../../../ffi/errno.ts";
import { cString } from "../../../ffi/native-buffer.ts";
import { SysError } from "../../../ffi/sys-error.ts";
import type { Hierarchy, Meaning, Refusal, Signal, Wanted } from "../hierarchy.ts";
import { openFiles } from "../open-files.ts";
import { readNumber } from "../read-control.ts";
import type { OomKeeper } from "./oom-keeper.ts";
import { forceEmpty } from "./reclaim.ts";
import {
  Register,
  registerOom,
  registerPressure,
  registerThresholdInPool,
  type ThresholdUnit,
} from "./register.ts";

// No limit reads as the largest page-aligned number; the page size is the machine's, so anything near it counts.
const UNLIMITED_BYTES = 2 ** 62;

const FILES = { usage: cString("memory.usage_in_bytes"), stat: cString("memory.stat") };

/** What the guard may do beyond looking. */
export interface Means {
  /** What calibration found. */
  readonly unit: ThresholdUnit;
  /** Null: nothing may be written into cgroups, as by a command that only looks. */
  readonly keeper: OomKeeper | null;
  /** Whether tasks may be made to wait at a limit, or only let go. */
  readonly mayHold: boolean;
}

/** The cgroup v1 memory controller mounted at a directory. */
export function hierarchyV1(mount: string, { unit, keeper, mayHold }: Means): Hierarchy {
  /** Nobody would tell that tasks wait there. */
  const unheard = new Set<string>();
  const hold = (cgroup: string, wanted: Wanted) => {
    if (mayHold && wanted.waitAtLimit && !unheard.has(cgroup)) keeper?.hold(cgroup);
    else keeper?.letGo(cgroup);
  };
  const letGo = (cgroup: string) => {
    unheard.delete(cgroup);
    keeper?.letGo(cgroup);
  };

  const coversChildren = (cgroup: string) => readNumber(`${mount}${cgroup}/memory.use_hierarchy`) === 1;
  // Nobody can change it below a cgroup that has it (mem_cgroup_hierarchy_write(), mm/memcontrol.c), and from 5.11 on all do.
  const allCover = isSo(() => coversChildren("/"));

  return {
    version: 1,
    mount,
    control: ["memory.limit_in_bytes", ...(allCover ? [] : ["memory.use_hierarchy"]), "memory.oom_control"],
    // force_empty has no such option.
    reclaimSparesSwap: false,

    limitBytes(cgroup) {
      const bytes = readNumber(`${mount}${cgroup}/memory.limit_in_bytes`);
      return bytes >= UNLIMITED_BYTES ? Number.POSITIVE_INFINITY : bytes;
    },

    coversChildren: (cgroup) => allCover || coversChildren(cgroup),

    arm(cgroup) {
      const directory = `${mount}${cgroup}`;
      return openFiles(directory, FILES, (keep) => {
        const signals: Signal[] = [];
        const refused: Refusal[] = [];
        const register = new Register(directory);
        const ask = (meaning: Meaning, registered: () => number) => {
          try {
            signals.push({ meaning, fd: keep(registered()), wakes: "readable" });
          } catch (error) {
            refused.push({ meaning, error: refusal(error) });
          }
        };
        try {
          ask("pressure", () => registerPressure(register, "medium"));
          ask("reclaim", () => registerPressure(register, "low"));
          ask("oom", () => registerOom(register));
        } finally {
          register.close();
        }
        if (signals.some(({ meaning }) => meaning === "oom")) unheard.delete(cgroup);
        else unheard.add(cgroup);
        return { signals, refused };
      });
    },

    async armThresholds(cgroup, wanted, onGranted) {
      const { thresholdBytes, nearBytes } = wanted;
      const refused: Refusal[] = [];
      hold(cgroup, wanted);
      const register = new Register(`${mount}${cgroup}`);
      const ask = async (meaning: Meaning, bytes: number) => {
        if (unit === "none" || bytes <= 0) return;
        try {
          const fd = await registerThresholdInPool(register, bytes, unit);
          onGranted({ meaning, fd, wakes: "readable" });
        } catch (error) {
          refused.push({ meaning, error: refusal(error) });
        }
      };
      const asked = await Promise.allSettled([ask("threshold", thresholdBytes), ask("near", nearBytes)]);
      register.close();
      for (const outcome of asked) if (outcome.status === "rejected") throw outcome.reason;
      return refused;
    },

    // Thresholds are registrations: they end with their descriptors, and nobody can overwrite them.
    renew: async (cgroup, wanted) => hold(cgroup, wanted),
    letGo,
    tidy: () => keeper?.tidy(),
    letAllGo: async () => keeper?.letAllGo(),
    get heldCount() {
      return keeper?.count ?? 0;
    },

    reclaim: (cgroup, _wantedBytes, budgetMs) => forceEmpty(`${mount}${cgroup}`, budgetMs),
  };
}

/** False also where it cannot be read. */
function isSo(question: () => boolean): boolean {
  try {
    return question();
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    return false;
  }
}

/** What the kernel said no with. @throws anything else, and SysError when the cgroup is gone */
function refusal(error: unknown): SysError {
  if (!(error instanceof SysError) || error.errno === ENOENT || error.errno === ENODEV) throw error;
  return error;
}
