import type { HistoryEntry } from "../../src/report/history-json.ts";
import { until } from "./until.ts";

/** Incidents as `oom-guard history --json` tells them, of one state directory. */
export class History {
  readonly #command: readonly string[];

  /** @param command that prints them */
  constructor(command: readonly string[]) {
    this.#command = command;
  }

  /** Oldest first. */
  all(): HistoryEntry[] {
    const result = Bun.spawnSync([...this.#command]);
    if (result.exitCode !== 0) throw new Error(`history: ${result.stderr}`);
    return (JSON.parse(result.stdout.toString()) as { incidents: HistoryEntry[] }).incidents.toReversed();
  }

  /** Those about a cgroup or what is below it. */
  of(cgroup: string): HistoryEntry[] {
    return this.all().filter((entry) => entry.cgroup === cgroup || entry.cgroup.startsWith(`${cgroup}/`));
  }

  /** Waits for one of a kind. */
  async one(cgroup: string, kind: HistoryEntry["kind"]): Promise<HistoryEntry> {
    let found: HistoryEntry | undefined;
    await until(`a ${kind} of ${cgroup}`, () => {
      found = this.of(cgroup).find((entry) => entry.kind === kind);
      return found !== undefined;
    });
    return found!;
  }
}
