import type { KilledLine } from "./killed-line.ts";
import type { OomLine } from "./line.ts";
import { cgroupsIn, type SummaryLine } from "./summary-line.ts";
import { adjIn, type RowLine } from "./task-table.ts";

/** What the lines before a kill tell of it. */
export interface Facts {
  readonly limitCgroup: string | null;
  readonly victimCgroup: string | null;
  readonly usageBytes: number | null;
  readonly limitBytes: number | null;
}

export const NO_FACTS: Facts = { limitCgroup: null, victimCgroup: null, usageBytes: null, limitBytes: null };

/** Collects what the kernel prints about one shortage, from "invoked oom-killer" on to the kill. */
export class Report {
  /** When its last line came. */
  lastMicros: number;
  #cgroups: { readonly victim: string | null; readonly limit: string | null } | null = null;
  #memory: { readonly usageBytes: number | null; readonly limitBytes: number | null } | null = null;
  #summary: SummaryLine | null = null;
  #columns: number | null = null;
  // By the pids of rows: one for each process that could have been chosen.
  readonly #rows = new Map<number, RowLine>();
  #isMixed: boolean;

  /**
   * @param isMixed another report was not at its end when this one began. Before 4.2 two shortages at once print at once,
   * and which line belongs to which cannot be told; from then on a lock (oom_lock) keeps them apart.
   */
  constructor(isMixed: boolean, micros: number) {
    this.#isMixed = isMixed;
    this.lastMicros = micros;
  }

  add(line: OomLine, micros: number): void {
    switch (line.kind) {
      case "cgroups":
        this.#isMixed ||= this.#cgroups !== null;
        this.#cgroups = line;
        break;
      case "memory":
        this.#isMixed ||= this.#memory !== null;
        this.#memory = line;
        break;
      case "summary":
        this.#summary = line;
        break;
      case "columns":
        this.#columns = line.count;
        break;
      case "row":
        this.#rows.set(line.pid, line);
        break;
      default:
        return;
    }
    this.lastMicros = micros;
  }

  /** Null: not told. */
  get shortage(): "cgroup" | "node" | null {
    return this.#summary?.shortage ?? (this.#cgroups === null ? null : "cgroup");
  }

  /** The process a pid stands for: that of a thread, where the leader of the threads died before. */
  processOf(pid: number): number {
    return this.#rows.get(pid)?.tgid ?? pid;
  }

  adjOf(pid: number): number | null {
    const row = this.#rows.get(pid);
    return row === undefined || this.#columns === null ? null : adjIn(row, this.#columns);
  }

  /** Whether this process was among the candidates; null where they are not listed (vm.oom_dump_tasks = 0). */
  lists(pid: number): boolean | null {
    return this.#rows.size === 0 ? null : this.#rows.has(pid);
  }

  /**
   * What it tells of a kill; nothing where the kill is not its own: not every report ends with a kill, and of more than ten
   * in 5 s the kernel prints the kills only.
   */
  factsOf({ pid, comm }: KilledLine, shortage: "cgroup" | "node"): Facts {
    const isOther = this.shortage !== null && this.shortage !== shortage;
    if (isOther || this.lists(pid) === false) return NO_FACTS;
    const summary = this.#summary;
    if (summary === null) return this.#isMixed ? NO_FACTS : this.#facts(this.#cgroups);
    const isChosen = summary.pid === this.processOf(pid);
    // Up to 5.1 a child may die in place of the chosen one, and may have been moved elsewhere.
    if (!isChosen && this.lists(pid) === null) return NO_FACTS;
    const cgroups = cgroupsIn(summary, comm);
    return this.#facts(cgroups && { limit: cgroups.limit, victim: isChosen ? cgroups.victim : null });
  }

  #facts(cgroups: { readonly victim: string | null; readonly limit: string | null } | null): Facts {
    return {
      limitCgroup: cgroups?.limit ?? null,
      victimCgroup: cgroups?.victim ?? null,
      usageBytes: this.#memory?.usageBytes ?? null,
      limitBytes: this.#memory?.limitBytes ?? null,
    };
  }
}
