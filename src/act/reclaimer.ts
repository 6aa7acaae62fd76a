import type { Hierarchy, MemoryReader, ReclaimOutcome } from "../cgroup/hierarchy.ts";
import { readOnce } from "../cgroup/read-once.ts";
import { type Allowance, allowanceLeftMs, fullAllowance, spend } from "../decide/allowance.ts";
import {
  isTimeToReclaim,
  nextCooldownMs,
  type ReclaimMode,
  reclaimBudgetMs,
  reclaimEffort,
  shouldReclaim,
} from "../decide/reclaim.ts";

/** How often one cgroup is reclaimed. */
interface History {
  /** NaN: it never was. */
  readonly lastMs: number;
  readonly cooldownMs: number;
}

const neverReclaimed: History = { lastMs: Number.NaN, cooldownMs: 0 };

/** The configured part. */
export interface ReclaimSettings {
  readonly mode: ReclaimMode;
  readonly cooldownMs: number;
}

// Each one keeps a CPU busy in the kernel while it lasts.
const MAX_AT_ONCE = 2;

// A cgroup that vanishes under the write refuses too; a kernel that never does it refuses every time.
const REFUSALS_TO_BELIEVE = 3;

// From the threshold, where it is asked for at the latest, to a margin below where it is near its limit again.
const MARGINS = 2;

const failed = (): ReclaimOutcome => "failed";

/** Drops page cache of cgroups that come near their limit, off the threads that decide. */
export class Reclaimer {
  readonly #hierarchy: Hierarchy;
  readonly #reader: MemoryReader;
  readonly #onDone: (cgroup: string, outcome: ReclaimOutcome, freedBytes: number) => void;
  readonly #histories = new Map<string, History>();
  readonly #running = new Set<string>();
  #settings: ReclaimSettings;
  #allowance: Allowance = fullAllowance(reclaimEffort);
  #refusals = 0;
  #everWorked = false;

  constructor(
    hierarchy: Hierarchy,
    reader: MemoryReader,
    settings: ReclaimSettings,
    onDone: (cgroup: string, outcome: ReclaimOutcome, freedBytes: number) => void,
  ) {
    this.#hierarchy = hierarchy;
    this.#reader = reader;
    this.#settings = settings;
    this.#onDone = onDone;
  }

  /** This kernel has refused again and again and never done it: it is not asked any more. */
  get kernelRefuses(): boolean {
    return !this.#everWorked && this.#refusals >= REFUSALS_TO_BELIEVE;
  }

  configure(settings: ReclaimSettings): void {
    this.#settings = settings;
  }

  forget(cgroup: string): void {
    this.#histories.delete(cgroup);
  }

  /** The cgroup came near its limit. Returns at once. */
  near(cgroup: string, marginBytes: number, nowMs: number): void {
    if (this.kernelRefuses || this.#running.has(cgroup) || this.#running.size >= MAX_AT_ONCE) return;
    if (allowanceLeftMs(this.#allowance, reclaimEffort, nowMs) <= 0) return;
    const { mode, cooldownMs: configuredMs } = this.#settings;
    const { lastMs, cooldownMs: lastCooldownMs } = this.#histories.get(cgroup) ?? neverReclaimed;
    const cooldownMs = Math.max(lastCooldownMs, configuredMs);
    if (!isTimeToReclaim(mode, lastMs, cooldownMs, nowMs)) return;
    const reading = readOnce(this.#reader, `${this.#hierarchy.mount}${cgroup}`, (reading) => reading);
    if (reading === null) return;
    const { fileBytes } = reading;
    const swappableBytes = this.#hierarchy.reclaimSparesSwap ? 0 : reading.swappableBytes;
    if (!shouldReclaim({ mode, fileBytes, marginBytes, swappableBytes })) return;
    const nextMs = nextCooldownMs(cooldownMs, lastMs, nowMs, configuredMs);
    this.#histories.set(cgroup, { lastMs: nowMs, cooldownMs: nextMs });
    this.#running.add(cgroup);
    void this.#reclaim(cgroup, fileBytes, Math.min(fileBytes, MARGINS * marginBytes), nowMs);
  }

  async #reclaim(cgroup: string, fileBytes: number, wantedBytes: number, nowMs: number): Promise<void> {
    const budgetMs = reclaimBudgetMs(fileBytes);
    const startedMs = performance.now();
    const outcome = await this.#hierarchy.reclaim(cgroup, wantedBytes, budgetMs).catch(failed);
    this.#allowance = spend(this.#allowance, reclaimEffort, performance.now() - startedMs, nowMs);
    this.#running.delete(cgroup);
    if (outcome === "refused") this.#refusals++;
    if (outcome === "done" || outcome === "cut-off") this.#everWorked = true;
    const left = readOnce(this.#reader, `${this.#hierarchy.mount}${cgroup}`, (reading) => reading.fileBytes);
    this.#onDone(cgroup, outcome, Math.max(0, fileBytes - (left ?? fileBytes)));
  }
}
