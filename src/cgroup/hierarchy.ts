import type { Readiness } from "../../ffi/epoll.ts";
import type { NativeBuffer } from "../../ffi/native-buffer.ts";
import type { SysError } from "../../ffi/sys-error.ts";
import type { Reading } from "../decide/reading.ts";

/**
 * What a notification means. threshold: usage crossed the threshold. near: it crossed two margins below the limit.
 * pressure: the kernel has trouble reclaiming in the cgroup. reclaim: it reclaims at all. oom: it is out of memory.
 */
export type Meaning = "threshold" | "near" | "pressure" | "reclaim" | "oom";

/** A descriptor that becomes ready when the kernel has something to say. */
export interface Signal {
  readonly meaning: Meaning;
  readonly fd: number;
  /** An eventfd is "readable"; of a "priority" one reading from its start forgets what it has told. */
  readonly wakes: Readiness;
}

/** A notification this kernel did not grant. The others carry the watch. */
export interface Refusal {
  readonly meaning: Meaning;
  readonly error: SysError;
}

/** What was asked of the kernel and what it granted. */
export interface Granted {
  readonly signals: readonly Signal[];
  readonly refused: readonly Refusal[];
}

/** What a cgroup is armed for, in bytes. */
export interface Wanted {
  readonly thresholdBytes: number;
  readonly nearBytes: number;
  /** May the kernel hold the cgroup back at the threshold? Only where the guard will then act. */
  readonly hold: boolean;
  /** Are tasks to wait for the guard at the limit (`kernel_oom = "hold"`)? On cgroup v2 `hold` does what is to be done. */
  readonly waitAtLimit: boolean;
}

/**
 * What comes of a charge beyond the limit of a cgroup. kills: the kernel's OOM killer runs. waits: tasks wait at this very
 * cgroup's limit until memory comes free. waits-above: they wait in it, at the limit of one above.
 */
export type AtLimit = "kills" | "waits" | "waits-above";

/** The open descriptors of one armed cgroup. Whoever got it closes them all (`descriptors`). */
export interface Armed {
  readonly directoryFd: number;
  readonly usageFd: number;
  readonly statFd: number;
  readonly signals: readonly Signal[];
}

/** Every descriptor an armed cgroup holds. */
export function descriptors(armed: Armed): number[] {
  return [armed.directoryFd, armed.usageFd, armed.statFd, ...armed.signals.map((signal) => signal.fd)];
}

/** How a reclaim ended: cut off after its time budget, refused by the kernel (old ones do while tasks run), or not even begun. */
export type ReclaimOutcome = "done" | "cut-off" | "refused" | "failed";

/** Files of a cgroup by which others change what it is armed with. */
export type ControlFiles = readonly string[];

/** The memory controller as the main thread uses it. Cgroup names are relative to the mount ("/kubepods/x"). */
export interface Hierarchy {
  readonly version: 1 | 2;
  readonly mount: string;
  /** The limit on memory; Infinity without one. @throws SysError */
  limitBytes(cgroup: string): number;
  /** Whether the cgroup's numbers and limit cover its children. @throws SysError */
  coversChildren(cgroup: string): boolean;
  /** Opens the cgroup and asks for what the kernel grants at once; nothing stays open when it throws. @throws SysError */
  arm(cgroup: string): Armed & Granted;
  /**
   * Asks to be told when usage crosses these sizes. Takes the kernel some 20 ms each (v1), or as long as it takes to bring
   * usage below the threshold (v2).
   * @param onGranted gets each as it is granted, and closes it
   * @returns what was not @throws SysError when the cgroup is gone
   */
  armThresholds(
    cgroup: string,
    wanted: Wanted,
    onGranted: (signal: Signal) => void,
  ): Promise<readonly Refusal[]>;
  /** Puts into the cgroup what `armThresholds` put there, where somebody has overwritten it or it was let go. @throws SysError */
  renew(cgroup: string, wanted: Wanted): Promise<void>;
  /** Takes back what `armThresholds` put into the cgroup. One that is gone needs nothing. */
  letGo(cgroup: string): void;
  /** Takes back what an earlier process has left where nothing is armed now. */
  tidy(): void;
  /** Takes back everything. */
  letAllGo(): Promise<void>;
  /** How many cgroups have something in them that is to be taken back. */
  readonly heldCount: number;
  readonly control: ControlFiles;
  /** Whether a reclaim can spare anonymous memory where there is swap. */
  readonly reclaimSparesSwap: boolean;
  /** Asks the kernel to drop that much of the cgroup's page cache, or all of it; ends within the budget. */
  reclaim(cgroup: string, wantedBytes: number, budgetMs: number): Promise<ReclaimOutcome>;
}

/** The memory controller as the sentinel uses it: synchronous, on open descriptors. */
export interface MemoryReader {
  /** The files `usage` and `reading` read through kept descriptors. */
  readonly usageFile: NativeBuffer;
  readonly statFile: NativeBuffer;
  /** Usage in bytes, or -errno (-ENODEV: the cgroup is gone). */
  usage(armed: Pick<Armed, "usageFd">): number;
  /**
   * Everything a decision needs, or -errno (-ENODEV: the cgroup is gone).
   * @param cacheFloorBytes where that much can be reclaimed slack decides nothing, and need not be worked out
   */
  reading(
    armed: Pick<Armed, "directoryFd" | "statFd">,
    usageBytes: number,
    cacheFloorBytes: number,
  ): Reading | number;
  /** Memory of a cgroup, swapped-out memory included, that nobody can reclaim; 0 when it is gone. */
  fixedBytes(directoryFd: number): number;
  /**
   * How many processes of this cgroup the kernel's OOM killer has shot; NaN where it does not count (before 4.13),
   * -errno when the cgroup is gone.
   */
  oomKills(directoryFd: number): number;
  /** Whether the kernel's OOM killer takes the cgroup whole. */
  diesAsOne(directoryFd: number): boolean;
  /**
   * A count that rises when the kernel's OOM killer is at work in the cgroup itself; NaN where an OOM has a notification of
   * its own (v1), -errno when the cgroup is gone.
   */
  oomEvents(directoryFd: number): number;
  /** Whether tasks wait at the limit of the cgroup instead of being killed by the kernel, whoever wants it so. */
  isHeld(directoryFd: number): boolean;
  /** What the kernel is doing at the limit of the cgroup. */
  atLimit(directoryFd: number): AtLimit;
  /** How much more the cgroup may charge, swap included; per-CPU pre-charges stand in its way. */
  roomBytes(directoryFd: number, usageBytes: number, limitBytes: number): number;
  /**
   * SIGKILLs everything in the cgroup and below it at one stroke, answering 0 or -errno; null where no kernel can. It waits
   * for the kernel's cgroup lock, up to 14 ms while pods are made (Linux 6.18): not a way to be fast.
   */
  readonly killAll: ((directoryFd: number) => number) | null;
  /** The limit the kernel measures oom_score_adj against, in pages. */
  oomTotalPages(directoryFd: number, limitBytes: number): number;
}
