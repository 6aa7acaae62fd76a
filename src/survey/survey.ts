import { pageBytes } from "../../ffi/sysinfo.ts";
import { factsOf, orderProcesses, orderUnits, type Surroundings } from "../act/choose.ts";
import { closeUnits, openUnits, type Unit } from "../act/units.ts";
import type { Hierarchy, MemoryReader } from "../cgroup/hierarchy.ts";
import { pidsBelow } from "../cgroup/processes.ts";
import { readOnce } from "../cgroup/read-once.ts";
import type { Config, GuardSettings, Policy } from "../config/config.ts";
import { compileRules, type SettingsMatcher } from "../config/rules.ts";
import type { ProcessFacts } from "../decide/badness.ts";
import type { KernelGeneration } from "../decide/kernel-generation.ts";
import { cacheFloorBytes, marginBytes } from "../decide/margin.ts";
import { kernelChoice, rank } from "../decide/rank.ts";
import type { Reading } from "../decide/reading.ts";
import type { Bounds } from "../decide/step.ts";
import type { ContainerNames } from "../discover/container-names.ts";
import { identifyCgroup } from "../discover/identify.ts";
import type { Identity } from "../discover/identity.ts";
import type { PodDirectory } from "../discover/node-pods.ts";
import type { ApiError } from "../kubernetes/api-error.ts";
import type { NodePod } from "../kubernetes/node-pod.ts";

/** Where and with what a command looks. */
export interface SurveyTools {
  readonly config: Config;
  readonly hierarchy: Hierarchy;
  readonly reader: MemoryReader;
  readonly names: ContainerNames;
  readonly pods: PodDirectory;
  /** The same as a list; null where the API server did not tell. */
  readonly nodePods: readonly NodePod[] | null;
  /** Why the pods are not known. */
  readonly podsError: ApiError | null;
  readonly kernel: KernelGeneration;
  readonly procRoot: string;
}

/** One limited cgroup as it is at this moment, with everything a decision about it would go by. */
export interface Surveyed {
  readonly cgroup: string;
  readonly identity: Identity;
  readonly policy: Policy;
  readonly limitBytes: number;
  readonly bounds: Bounds;
  readonly reading: Reading;
  readonly totalPages: number;
  /** Every process in it and below it, in the kernel's order. */
  readonly processes: readonly ProcessFacts[];
  /** Whom this kernel's OOM killer would take. */
  readonly kernelVictim: ProcessFacts | null;
  /** What the guard would kill: a whole unit, or one process of it; null: there is nobody it may kill. */
  readonly guardChoice: { readonly cgroup: string; readonly largest: ProcessFacts } | null;
}

/** Looks at cgroups one by one, the way the daemon would, without touching anything. */
export class Survey {
  readonly #tools: SurveyTools;
  readonly #rules: SettingsMatcher;

  constructor(tools: SurveyTools) {
    this.#tools = tools;
    this.#rules = compileRules(tools.config);
  }

  /** The policy and the identity of a cgroup, whether it has a limit or not. */
  identify(cgroup: string): { readonly identity: Identity; readonly policy: Policy } {
    const { identity, settings } = this.#settings(cgroup);
    return { identity, policy: settings.policy };
  }

  /** @returns null for a cgroup without a limit, or one that is gone @throws SysError when it cannot be read */
  look(cgroup: string): Surveyed | null {
    const { hierarchy, reader } = this.#tools;
    const limitBytes = hierarchy.limitBytes(cgroup);
    if (limitBytes === Number.POSITIVE_INFINITY) return null;
    const { identity, settings } = this.#settings(cgroup);
    const margin = marginBytes(limitBytes, settings);
    const bounds = {
      thresholdBytes: limitBytes - margin,
      marginBytes: margin,
      cacheFloorBytes: cacheFloorBytes(limitBytes, settings),
    };
    return readOnce(reader, `${hierarchy.mount}${cgroup}`, (reading, directoryFd) => {
      const totalPages = reader.oomTotalPages(directoryFd, limitBytes);
      const { policy } = settings;
      return {
        cgroup,
        identity,
        policy,
        limitBytes,
        bounds,
        reading,
        totalPages,
        ...this.#victims(cgroup, directoryFd, identity, policy, totalPages),
      };
    });
  }

  #settings(cgroup: string): { identity: Identity; settings: GuardSettings } {
    const { names, pods } = this.#tools;
    const identity = identifyCgroup(cgroup, names, pods);
    return { identity, settings: this.#rules.settingsFor({ ...identity, cgroup }) };
  }

  #victims(
    cgroup: string,
    directoryFd: number,
    identity: Identity,
    policy: Policy,
    totalPages: number,
  ): Pick<Surveyed, "processes" | "kernelVictim" | "guardChoice"> {
    const { kernel, procRoot } = this.#tools;
    const processes = factsOf(procRoot, pidsBelow(directoryFd));
    const around = this.surroundings(cgroup, policy);
    const units = openUnits(directoryFd, cgroup, identity.kind, (name) => this.identify(name).identity.kind);
    try {
      return {
        processes,
        kernelVictim: kernelChoice(processes, totalPages, pageBytes, kernel)?.process ?? null,
        guardChoice:
          policy === "process"
            ? firstProcess(units, totalPages, around)
            : this.#firstUnit(units, totalPages, around, processes),
      };
    } finally {
      closeUnits(units);
    }
  }

  /** What choosing a victim in a cgroup goes by; the same rules as the sentinel's. */
  surroundings(watched: string, policy: Policy): Surroundings {
    const { reader, kernel, procRoot } = this.#tools;
    return {
      procRoot,
      reader,
      kernel,
      watched,
      isExempt: (cgroup) => {
        const found = this.identify(cgroup);
        return found.identity.kind === "sandbox" || (policy !== "noop" && found.policy === "noop");
      },
      isStuck: () => false,
    };
  }

  /** @param all the processes of the whole cgroup, which may be a unit itself */
  #firstUnit(
    units: readonly Unit[],
    totalPages: number,
    around: Surroundings,
    all: readonly ProcessFacts[],
  ): Surveyed["guardChoice"] {
    const { kernel, procRoot } = this.#tools;
    for (const { unit } of orderUnits(units, around)) {
      const processes = unit.cgroup === around.watched ? all : factsOf(procRoot, pidsBelow(unit.directoryFd));
      const worst = rank(processes, totalPages, pageBytes, kernel)[0];
      if (worst !== undefined) return { cgroup: unit.cgroup, largest: worst.process };
    }
    return null;
  }
}

function firstProcess(
  units: readonly Unit[],
  totalPages: number,
  around: Surroundings,
): Surveyed["guardChoice"] {
  const [worst] = orderProcesses(units, totalPages, around);
  return worst === undefined ? null : { cgroup: worst.unit.cgroup, largest: worst.process };
}
