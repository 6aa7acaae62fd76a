import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { MountNamespace } from "./cluster/mount-namespace.ts";
import { Daemon } from "./daemon.ts";
import { until } from "./until.ts";

/** Where Debian, Red Hat and SUSE all have it. */
export const JOURNALD = "/usr/lib/systemd/systemd-journald";
const CATALOG = `${import.meta.dir}/../../systemd/oom-guard.catalog`;

/** One entry as `journalctl -o json` shows it; a value that is not printable is an array of its bytes. */
export type JournalRow = Readonly<Record<string, string | readonly number[]>>;

/** A real journald in a mount namespace of its own, with a journal in memory and oom-guard's catalog. */
export class TestJournald {
  readonly #directory: string;
  readonly #namespace: MountNamespace;
  #daemon: Daemon | null = null;

  private constructor(directory: string, namespace: MountNamespace) {
    this.#directory = directory;
    this.#namespace = namespace;
  }

  static async start(): Promise<TestJournald> {
    const directory = mkdtempSync(`${tmpdir()}/oom-guard-journald-`);
    const journald = new TestJournald(directory, await MountNamespace.create(directory));
    const root = `${directory}/root`;
    mkdirSync(`${root}/usr/lib/systemd/catalog`, { recursive: true });
    copyFileSync(CATALOG, `${root}/usr/lib/systemd/catalog/oom-guard.catalog`);
    const conf = ["[Journal]", "Storage=volatile", "ReadKMsg=no", "Audit=no", "ForwardToSyslog=no", ""];
    writeFileSync(`${directory}/journald.conf`, conf.join("\n"));
    const script = [
      "set -e",
      `journalctl --update-catalog --root=${root}`,
      `mount --bind ${root}/var/lib/systemd/catalog /var/lib/systemd/catalog`,
      "mkdir -p /run/systemd/journal /run/systemd/journald.conf.d /run/log/journal",
      `cp ${directory}/journald.conf /run/systemd/journald.conf.d/test.conf`,
    ];
    const { exitCode, stderr } = Bun.spawnSync(journald.inside(["sh", "-c", script.join("\n")]));
    if (exitCode !== 0) throw new Error(`no journald: ${stderr}`);
    await journald.run();
    return journald;
  }

  /** A command line that runs where this journald is the machine's. */
  inside(argv: readonly string[]): string[] {
    return [...this.#namespace.enter, ...argv];
  }

  /** The same, with standard error going to this journald, as systemd before 231 starts a service. */
  asOldService(argv: readonly string[]): string[] {
    return this.inside(["systemd-cat", "env", "-u", "JOURNAL_STREAM", ...argv]);
  }

  /** The same, told by JOURNAL_STREAM. */
  asService(argv: readonly string[]): string[] {
    const script = 'export JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2); exec "$@"';
    return this.asOldService(["sh", "-c", script, "sh", ...argv]);
  }

  /** Starts it, again or for the first time. */
  async run(): Promise<void> {
    this.#daemon = new Daemon(this.inside([JOURNALD]), `${this.#directory}/journald.log`);
    // It takes entries when it has bound its sockets and made its file.
    const probe = `probe-${performance.now()}`;
    await until("journald takes entries", () => {
      Bun.spawnSync(this.inside(["systemd-cat", "echo", probe]));
      return this.rows(`MESSAGE=${probe}`).length > 0;
    });
  }

  /** Stops it, as an update of systemd does. */
  async end(): Promise<void> {
    await this.#daemon?.end("SIGTERM");
  }

  freeze(): Promise<void> {
    return this.#daemon!.freeze();
  }

  thaw(): void {
    this.#daemon!.thaw();
  }

  /** What `journalctl` prints with these arguments. */
  journalctl(...args: readonly string[]): string {
    return Bun.spawnSync(this.inside(["journalctl", "--no-pager", "--quiet", ...args])).stdout.toString();
  }

  /** The entries that match, oldest first, whole. */
  rows(...matches: readonly string[]): JournalRow[] {
    const lines = this.journalctl("-o", "json", "--all", ...matches).split("\n");
    return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as JournalRow);
  }

  async stop(): Promise<void> {
    await this.end();
    await this.#namespace.stop();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
