import { writeSync } from "node:fs";
import { createEventfd, signalEventfd } from "../../ffi/eventfd.ts";
import { close, openDirectory, openReadAt, openWriteAt } from "../../ffi/file.ts";
import { cString } from "../../ffi/native-buffer.ts";
import type { Meaning, MemoryReader, Signal } from "../cgroup/hierarchy.ts";
import type { ToSentinel, WatchSpec } from "./protocol.ts";
import type { Spare } from "./sentinel.ts";
import { STAGE_CGROUP, STAGE_POD, statText, usageText } from "./stage.ts";

/** How a leak comes to its threshold. */
type Plot = "announced" | "sudden" | "unannounced" | "through-cache";

/** A leak, in what a sentinel can tell apart. */
interface Role {
  readonly plot: Plot;
  readonly limitBytes: number;
  readonly kind: WatchSpec["kind"];
  readonly policy: WatchSpec["policy"];
}

const PLOTS: readonly Plot[] = ["announced", "sudden", "unannounced", "through-cache"];
// Numbers of more than 31 bits are another type to the engine's compilers.
const LIMITS_BYTES = [100_000_000, 8_000_000_000] as const;
const KINDS = ["container", "other", "pod"] as const;
const POLICIES = ["container", "container", "process"] as const;

/** The role of one round of many: each plot comes with each limit, kind and policy. */
export function roleOf(round: number): Role {
  return {
    plot: PLOTS[round % 4]!,
    limitBytes: LIMITS_BYTES[Math.floor(round / 4) % 2]!,
    kind: KINDS[Math.floor(round / 8) % 3]!,
    policy: POLICIES[Math.floor(round / 24) % 3]!,
  };
}

/**
 * One leak on the stage, told to a sentinel as main and the kernel would tell it: by messages and notifications, in numbers of
 * that size. Whatever is new to the engine's compilers when it is for real, the type of a number or the layout of an object
 * that came in a message, sends the code back to a slow version of itself, two dozen times in the first kill, for 0.5 ms and
 * more (Bun 1.4.5).
 */
export class Play implements Spare {
  readonly spec: WatchSpec;
  readonly #usageFd: number;
  readonly #statFd: number;
  readonly #acts: (() => void)[];
  #messages: ToSentinel[] = [];

  /**
   * @param stage the folder of a `Stage`
   * @param controlFd what main signals after its messages
   */
  constructor(stage: string, reader: MemoryReader, role: Role, controlFd: number) {
    this.spec = specOf(stage, reader, role);
    this.#usageFd = openWriteAt(this.spec.armed.directoryFd, reader.usageFile);
    this.#statFd = openWriteAt(this.spec.armed.directoryFd, reader.statFile);
    const { limitBytes } = role;
    const { marginBytes } = this.spec.bounds;
    const far = () => this.#grows(limitBytes / 2, 0);
    const near = () => this.#grows(limitBytes - 1.5 * marginBytes, 0);
    const over = () => this.#grows(limitBytes - marginBytes / 2, 0);
    const full = () => this.#grows(limitBytes - marginBytes / 2, limitBytes / 2);
    const says = (...messages: ToSentinel[]) => {
      this.#messages = structuredClone(messages);
      signalEventfd(controlFd);
    };
    const thresholds = (["threshold", "near"] as const).map(newSignal);
    const told = (meaning: Meaning) => () => {
      for (const signal of [...this.spec.armed.signals, ...thresholds])
        if (signal.meaning === meaning) signalEventfd(signal.fd);
    };
    const { slot, cgroup, policy } = this.spec;
    const arms = [
      far,
      () => says({ type: "know", cgroup, known: { identity: identityOf(role), policy } }),
      () => says({ type: "watch", spec: this.spec }),
      ...thresholds.map((signal) => () => says({ type: "signals", slot, signals: [signal] })),
    ];
    const leaks: Record<Plot, (() => void)[]> = {
      announced: [near, told("near"), told("threshold"), over, told("threshold")],
      sudden: [over, told("near")],
      unannounced: [over, told("threshold")],
      "through-cache": [full, told("threshold"), over, told("pressure")],
    };
    this.#acts = [...arms, ...leaks[role.plot], () => says({ type: "stop" })];
  }

  get isLeft(): boolean {
    return this.#acts.length > 0;
  }

  doSome(): void {
    this.#acts.shift()?.();
  }

  /** What main has said. */
  receive(): ToSentinel | undefined {
    return this.#messages.shift();
  }

  /** What the sentinel got it has closed. */
  close(): void {
    close(this.#usageFd);
    close(this.#statFd);
  }

  #grows(usageBytes: number, fileBytes: number): void {
    writeSync(this.#usageFd, usageText(usageBytes), 0);
    writeSync(this.#statFd, statText(usageBytes - fileBytes, fileBytes), 0);
  }
}

/** A watch on the stage, with descriptors of its own. In the order in which `arm/armer.ts` and the hierarchies put it together: another order is another layout. */
export function specOf(stage: string, reader: MemoryReader, { limitBytes, kind, policy }: Role): WatchSpec {
  const marginBytes = limitBytes / 50;
  const thresholdBytes = limitBytes - marginBytes;
  const cgroup = kind === "pod" ? STAGE_POD : STAGE_CGROUP;
  const directoryFd = openDirectory(cString(`${stage}${cgroup}`));
  return {
    slot: 1,
    cgroup,
    kind,
    policy,
    limitBytes,
    nearBytes: limitBytes - 2 * marginBytes,
    bounds: { thresholdBytes, marginBytes, cacheFloorBytes: marginBytes },
    waitAtLimit: false,
    armed: {
      directoryFd,
      usageFd: openReadAt(directoryFd, reader.usageFile),
      statFd: openReadAt(directoryFd, reader.statFile),
      signals: (["pressure", "reclaim", "oom"] as const).map(newSignal),
    },
  };
}

const identityOf = ({ kind }: Role) => ({
  kind,
  namespace: "stage",
  pod: "rehearsal",
  podUid: null,
  container: "nobody",
  containerId: null,
  qos: null,
});

const newSignal = (meaning: Meaning): Signal => ({ meaning, fd: createEventfd(), wakes: "readable" });
