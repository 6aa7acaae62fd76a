import { createEventfd, signalEventfd } from "../../ffi/eventfd.ts";
import { close, openDirectory, openReadAt, openWriteAt, writeAt } from "../../ffi/file.ts";
import { cString, NativeBuffer } from "../../ffi/native-buffer.ts";
import { descriptors, type Meaning, type MemoryReader, type Signal } from "../cgroup/hierarchy.ts";
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
// What memory.stat does not account for, as it nearly always is.
const SLACK_BYTES = 100_000;
const KINDS = ["container", "other", "pod"] as const;
const POLICIES = ["container", "container", "process"] as const;

// As cgroup v1 grants them.
const GRANTED_AT_ONCE: readonly Meaning[] = ["pressure", "reclaim", "oom"];
const GRANTED_LATER: readonly Meaning[] = ["threshold", "near"];

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
  /** What main signals after its messages. */
  readonly controlFd: number;
  readonly #usageFd: number;
  readonly #statFd: number;
  /** Descriptors that no sentinel has got. */
  readonly #kept: Set<number>;
  readonly #acts: (() => void)[];
  #messages: ToSentinel[] = [];

  /**
   * @param stage the folder of a `Stage`
   * @throws SysError, and nothing stays open, where there are not enough descriptors
   */
  constructor(stage: string, reader: MemoryReader, role: Role) {
    const eventfds = createEventfds(1 + GRANTED_AT_ONCE.length + GRANTED_LATER.length);
    this.controlFd = eventfds.pop()!;
    const signalOf = (meaning: Meaning): Signal => ({ meaning, fd: eventfds.pop()!, wakes: "readable" });
    const signals = GRANTED_AT_ONCE.map(signalOf);
    const thresholds = GRANTED_LATER.map(signalOf);
    this.spec = specOf(stage, reader, role, signals);
    const { slot, cgroup, policy, limitBytes, bounds, armed } = this.spec;
    this.#usageFd = openWriteAt(armed.directoryFd, reader.usageFile);
    this.#statFd = openWriteAt(armed.directoryFd, reader.statFile);
    this.#kept = new Set([...descriptors(armed), ...thresholds.map(({ fd }) => fd)]);
    const { marginBytes } = bounds;
    const far = () => this.#grows(limitBytes / 2, 0);
    const nearby = () => this.#grows(limitBytes - 1.5 * marginBytes, 0);
    const over = () => this.#grows(limitBytes - marginBytes / 2, 0);
    const full = () => this.#grows(limitBytes - marginBytes / 2, limitBytes / 2);
    const says = (message: ToSentinel, ...given: number[]) => {
      this.#messages = structuredClone([message]);
      for (const fd of given) this.#kept.delete(fd);
      signalEventfd(this.controlFd);
    };
    const told = (meaning: Meaning) => () => {
      for (const signal of [...signals, ...thresholds])
        if (signal.meaning === meaning) signalEventfd(signal.fd);
    };
    const arms = [
      far,
      () => says({ type: "know", cgroup, known: { identity: identityOf(role), policy } }),
      () => says({ type: "watch", spec: this.spec }, ...descriptors(armed)),
      ...thresholds.map((signal) => () => says({ type: "signals", slot, signals: [signal] }, signal.fd)),
    ];
    const leaks: Record<Plot, (() => void)[]> = {
      announced: [nearby, told("near"), told("threshold"), over, told("threshold")],
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

  /** What a sentinel got it closes itself. */
  close(): void {
    for (const fd of [this.controlFd, this.#usageFd, this.#statFd, ...this.#kept]) close(fd);
  }

  #grows(usageBytes: number, fileBytes: number): void {
    overwrite(this.#usageFd, usageText(usageBytes));
    overwrite(this.#statFd, statText(usageBytes - fileBytes - SLACK_BYTES, fileBytes));
  }
}

/** In the order in which `arm/armer.ts` and the hierarchies put it together: another order is another layout. */
function specOf(
  stage: string,
  reader: MemoryReader,
  { limitBytes, kind, policy }: Role,
  signals: readonly Signal[],
): WatchSpec {
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
      signals,
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

/** @throws SysError, and nothing stays open */
function createEventfds(count: number): number[] {
  const fds: number[] = [];
  try {
    while (fds.length < count) fds.push(createEventfd());
  } catch (error) {
    for (const fd of fds) close(fd);
    throw error;
  }
  return fds;
}

const encoder = new TextEncoder();
// The longest text has 750 bytes.
const text = new NativeBuffer(1024);

/** Does nothing where there is no such file. */
function overwrite(fd: number, content: string): void {
  const { written } = encoder.encodeInto(content, text.bytes);
  writeAt(fd, text, written, 0);
}
