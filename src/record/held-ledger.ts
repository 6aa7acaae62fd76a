import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { SysError } from "../../ffi/sys-error.ts";
import type { Held, HeldMemory } from "../cgroup/held.ts";

// Rewritten when it has so many lines more than it needs.
const SPARE_LINES = 2000;

/**
 * Remembers what the guard has written into cgroups, in a file that outlives the process: one line is appended before
 * each change, so whoever reads it after a SIGKILL finds at least what is there. It lies on tmpfs, beside the black box:
 * the cgroups do not outlive the machine either.
 */
export class HeldLedger implements HeldMemory {
  readonly #path: string;
  readonly #held: Map<string, Held>;
  #spareLines = 0;
  #isTorn = false;

  private constructor(path: string, held: Map<string, Held>) {
    this.#path = path;
    this.#held = held;
  }

  /** Opens or makes the file, and reads what an earlier process left. @throws what node:fs throws */
  static open(path: string): HeldLedger {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const ledger = new HeldLedger(path, readLedger(path));
    try {
      ledger.#rewrite();
    } catch (error) {
      // What is in it counts, though its last line may be torn.
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      ledger.#isTorn = true;
    }
    return ledger;
  }

  /** What is written down and not forgotten. */
  get all(): Held[] {
    return [...this.#held.values()];
  }

  of(cgroup: string): Held | undefined {
    return this.#held.get(cgroup);
  }

  note(held: Held): void {
    try {
      this.#append(lineOf(held));
    } catch (error) {
      throw new SysError("write", Math.abs((error as { errno?: number }).errno ?? 0), this.#path, {
        cause: error,
      });
    }
    this.#held.set(held.cgroup, held);
  }

  /** It has been given back, or its cgroup is gone. A line that cannot be written is only looked at in vain once more. */
  forget(cgroup: string): void {
    if (!this.#held.delete(cgroup)) return;
    try {
      this.#append(JSON.stringify([cgroup]));
    } catch {
      // As said.
    }
  }

  #append(line: string): void {
    // A disk that got full in the middle of a line has left a piece of it.
    if (this.#isTorn || ++this.#spareLines > SPARE_LINES) this.#rewrite();
    this.#isTorn = true;
    appendFileSync(this.#path, `${line}\n`, { mode: 0o600 });
    this.#isTorn = false;
  }

  /** Whole or not at all: renamed into place. */
  #rewrite(): void {
    const next = `${this.#path}.next`;
    try {
      writeFileSync(next, this.all.map((held) => `${lineOf(held)}\n`).join(""), { mode: 0o600 });
    } catch (error) {
      rmSync(next, { force: true });
      throw error;
    }
    renameSync(next, this.#path);
    this.#spareLines = 0;
  }
}

function lineOf({ cgroup, inode, found, ours }: Held): string {
  // JSON knows no Infinity.
  return JSON.stringify([cgroup, inode, found === Number.POSITIVE_INFINITY ? null : found, ...ours]);
}

function readLedger(path: string): Map<string, Held> {
  const held = new Map<string, Held>();
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return held;
    throw error;
  }
  for (const line of text.split("\n")) {
    const entry = parseLine(line);
    if (entry === null) continue;
    if ("ours" in entry) held.set(entry.cgroup, entry);
    else held.delete(entry.cgroup);
  }
  return held;
}

/** Null: torn, where the process was killed in the middle of it, or not the guard's. */
function parseLine(line: string): Held | { readonly cgroup: string } | null {
  let fields: unknown;
  try {
    fields = JSON.parse(line);
  } catch {
    return null;
  }
  if (!Array.isArray(fields) || typeof fields[0] !== "string") return null;
  const [cgroup, inode, found, ...ours] = fields;
  if (fields.length === 1) return { cgroup };
  if (typeof inode !== "string" || !ours.every((value) => typeof value === "number")) return null;
  if (found !== null && typeof found !== "number") return null;
  return { cgroup, inode, found: found ?? Number.POSITIVE_INFINITY, ours };
}
