import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type { HistoryEntry } from "../../src/report/history-json.ts";
import { BINARY } from "./guard.ts";
import { History } from "./history.ts";
import { until } from "./until.ts";

const INSTALLED = "/usr/local/bin/oom-guard";
const CONFIG = "/etc/oom-guard/config.toml";
const UNIT = "oom-guard";
// An emulated machine needs 50 ms for a decision that takes 0.3 ms elsewhere, and on a busy host ten times that; what is
// tested here is not how fast it is.
const MARGIN = 'min_margin = "20M"\n';

/** One entry of the journal, as `journalctl -o json` prints it. */
export type JournalEntry = Readonly<Record<string, string>>;

/**
 * The guard as a user has it: put in place by `oom-guard install`, run by systemd under the shipped unit. It is the
 * machine's own, so these tests run in a virtual machine only.
 */
export class InstalledGuard {
  readonly #history = new History([INSTALLED, "history", "--json"]);
  /**
   * What other tests left in the journal is none of ours. Not by a cursor: journalctl passes over the first entry after one
   * that the filter does not let through.
   */
  readonly #sinceMicros = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) * 1e6;

  /** Installs, configures, enables and starts it, and waits until systemd calls it active. */
  static async start(config = ""): Promise<InstalledGuard> {
    command(BINARY, "install");
    const guard = new InstalledGuard();
    guard.configure(config);
    guard.systemctl("enable", "--now", UNIT);
    await guard.active();
    return guard;
  }

  /** One that was installed before. */
  static found(): InstalledGuard {
    return new InstalledGuard();
  }

  /** Writes the configuration file, with a margin of 20M; `reload` or `restart` makes it count. */
  configure(config: string): void {
    mkdirSync("/etc/oom-guard", { recursive: true });
    writeFileSync(CONFIG, `${MARGIN}${config}`);
  }

  /** Restarts it with another configuration. */
  async restart(config: string): Promise<void> {
    this.configure(config);
    this.systemctl("restart", UNIT);
    await this.active();
  }

  /** Runs systemctl. @throws with what it said when it fails */
  systemctl(...args: readonly string[]): string {
    return command("systemctl", ...args);
  }

  /** A property of the unit. */
  property(name: string): string {
    return this.systemctl("show", "--property", name, "--value", UNIT).trim();
  }

  get pid(): number {
    return Number(this.property("MainPID"));
  }

  /** Waits until it is active, with another process than `before`. */
  async active(before = 0): Promise<void> {
    const isActive = () => {
      // At one moment: between two questions it may be killed, and then it has no process at all.
      const text = this.systemctl("show", "--property", "ActiveState,MainPID", UNIT);
      const pid = Number(/^MainPID=(\d+)$/m.exec(text)?.[1]);
      return /^ActiveState=active$/m.test(text) && pid !== 0 && pid !== before;
    };
    await until("oom-guard is active", isActive, 30_000);
  }

  /** What journalctl finds of the unit and with these fields since this object was made, oldest first. */
  journal(...matches: readonly string[]): JournalEntry[] {
    command("journalctl", "--sync");
    const text = command("journalctl", "-q", "-b", "-u", UNIT, "-o", "json", "--all", ...matches);
    return text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as JournalEntry)
      .filter((entry) => Number(entry.__MONOTONIC_TIMESTAMP) >= this.#sinceMicros);
  }

  /** Waits for entries with these fields. */
  async journaled(...matches: readonly string[]): Promise<JournalEntry[]> {
    let found: JournalEntry[] = [];
    await until(`the journal has ${matches.join(" ")}`, () => {
      found = this.journal(...matches);
      return found.length > 0;
    });
    return found;
  }

  /** Incidents about a cgroup or what is below it. */
  incidents(cgroup: string): HistoryEntry[] {
    return this.#history.of(cgroup);
  }

  /** Waits for one. */
  incident(cgroup: string, kind: HistoryEntry["kind"]): Promise<HistoryEntry> {
    return this.#history.one(cgroup, kind);
  }

  /** Takes it away, with all it kept. */
  remove(): void {
    command(INSTALLED, "uninstall", "--purge");
  }
}

/** Runs a program. @returns its standard output @throws with what it said when it fails */
export function command(...argv: readonly string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...argv]);
  if (exitCode !== 0) throw new Error(`${argv.join(" ")}: exit code ${exitCode}: ${stderr}${stdout}`);
  return stdout.toString();
}
