import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { placeFile } from "../../src/daemon/followed-log.ts";
import { ledgerFile } from "../../src/daemon/held.ts";
import type { HistoryEntry } from "../../src/report/history-json.ts";
import { History } from "./history.ts";
import { until } from "./until.ts";

/** The executable under test. */
export const BINARY = process.env.OOM_GUARD_BIN ?? `${import.meta.dir}/../../dist/oom-guard`;

/** One line of the guard's JSON log. */
export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly fields?: Readonly<Record<string, unknown>>;
}

export interface GuardOptions {
  readonly roots: readonly string[];
  /** TOML, beside what the harness sets. */
  readonly config?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stateDir?: string;
  readonly args?: readonly string[];
  /** Put before its command line: what starts it in other circumstances. */
  readonly enter?: readonly string[];
  /** Resolve without waiting until it guards, for a start that is meant to fail. */
  readonly dontWait?: boolean;
  /** Resolve as soon as it guards, and not when its sentinel is warm. */
  readonly cold?: boolean;
}

const CLOCK_TICKS_PER_SECOND = 100;

/** A guard process with a state directory of its own. */
export class TestGuard {
  readonly stateDir: string;
  readonly configFile: string;
  readonly #options: GuardOptions;
  readonly #directory: string;
  readonly #history: History;
  readonly #lines: string[] = [];
  #child: Bun.Subprocess<"ignore", "ignore", "pipe"> | null = null;

  private constructor(options: GuardOptions) {
    this.#options = options;
    this.#directory = mkdtempSync(`${tmpdir()}/oom-guard-state-`);
    this.stateDir = options.stateDir ?? this.#directory;
    this.#history = new History([BINARY, "history", "--json", "--state-dir", this.stateDir]);
    this.configFile = `${this.#directory}/config.toml`;
    this.configure(options.config ?? "");
  }

  /** What `oom-guard print ASSET` prints. */
  static print(asset: string): string {
    const result = Bun.spawnSync([BINARY, "print", asset]);
    if (result.exitCode !== 0) throw new Error(`print ${asset}: ${result.stderr}`);
    return result.stdout.toString();
  }

  /** Starts one and waits until everything that is there is armed, and the first kill as fast as the next. */
  static async start(options: GuardOptions): Promise<TestGuard> {
    const guard = new TestGuard(options);
    await guard.restart();
    return guard;
  }

  /**
   * Writes the configuration file. Sockets that do not exist keep a runtime of the machine's out of the test, as "off"
   * does a cluster of the machine's, and without periodic resync only notifications can make the guard notice anything.
   */
  configure(config: string): void {
    const resync = config.includes("resync") ? "" : 'resync = "1h"\n';
    const runtime = config.includes("[runtime]")
      ? ""
      : '\n[runtime]\nsockets = ["/nonexistent/containerd.sock"]\n';
    const kubernetes = config.includes("[kubernetes]") ? "" : '\n[kubernetes]\nkubeconfig = "off"\n';
    const rules = config.indexOf("[[rule]]");
    const [top, tail] = rules < 0 ? [config, ""] : [config.slice(0, rules), config.slice(rules)];
    writeFileSync(this.configFile, `${resync}${top}${runtime}${kubernetes}${tail}`);
  }

  /**
   * Starts it anew on the same state.
   * @param env instead of the one it was started with first
   * @param cwd where it runs, and would leave a core file
   */
  async restart(
    env: Readonly<Record<string, string>> | undefined = this.#options.env,
    cwd = process.cwd(),
  ): Promise<void> {
    const roots = this.#options.roots.flatMap((root) => ["--cgroup-root", root]);
    const settings = ["--config", this.configFile, "--state-dir", this.stateDir, "--log-format", "json"];
    const { enter = [], args = [] } = this.#options;
    this.#child = Bun.spawn(
      [...enter, BINARY, "run", ...settings, "--log-level", "debug", ...roots, ...args],
      { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, ...env }, cwd },
    );
    void this.#collect(this.#child.stderr);
    const before = this.#lines.length;
    if (this.#options.dontWait) return;
    const sign = this.#options.cold ? " guards " : "the sentinel is warm";
    await until(
      "the guard guards",
      () => this.#lines.slice(before).some((line) => line.includes(sign)) || this.#ended(),
    );
    if (this.#ended()) throw new Error(`the guard ended: ${this.#lines.join("\n")}`);
  }

  get pid(): number {
    return this.#child!.pid;
  }

  /** Everything it logged that is JSON. */
  get log(): LogLine[] {
    return this.#lines.flatMap((line) => (line.startsWith("{") ? [JSON.parse(line) as LogLine] : []));
  }

  /** Its standard error as it is. */
  get text(): string {
    return this.#lines.join("\n");
  }

  logged(part: string): LogLine[] {
    return this.log.filter(({ msg }) => msg.includes(part));
  }

  /** What `oom-guard history --json` tells, oldest first. */
  history(): HistoryEntry[] {
    return this.#history.all();
  }

  /** Incidents about a cgroup or what is below it. */
  incidents(cgroup: string): HistoryEntry[] {
    return this.#history.of(cgroup);
  }

  /** Waits for one. */
  incident(cgroup: string, kind: HistoryEntry["kind"]): Promise<HistoryEntry> {
    return this.#history.one(cgroup, kind);
  }

  /** CPU time it has used, in seconds, with the children it waited for. */
  get cpuSeconds(): number {
    const stat = readFileSync(`/proc/${this.pid}/stat`, "utf8");
    const fields = stat
      .slice(stat.lastIndexOf(")") + 2)
      .split(" ")
      .map(Number);
    return (fields[11]! + fields[12]! + fields[13]! + fields[14]!) / CLOCK_TICKS_PER_SECOND;
  }

  get descriptorCount(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  get inotifyWatchCount(): number {
    return this.#fdinfoCounts(/^inotify /gm).reduce((sum, count) => sum + count, 0);
  }

  /** How many notifications the sentinel waits for: no other epoll set of the process has nearly as many. */
  get notificationCount(): number {
    return Math.max(...this.#fdinfoCounts(/^tfd:/gm));
  }

  get rssBytes(): number {
    return this.#statusBytes("VmRSS");
  }

  /** Address space that is locked, touched or not. */
  get lockedBytes(): number {
    return this.#statusBytes("VmLck");
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  /** Waits for its end. @returns the exit code, 128 + N after signal N */
  async exited(): Promise<number> {
    return (await this.#child?.exited) ?? -1;
  }

  /** SIGKILLs it and waits. */
  async crash(): Promise<void> {
    this.signal("SIGKILL");
    await this.exited();
  }

  /** SIGTERM, and everything it had is gone. */
  async stop(): Promise<number> {
    this.signal("SIGTERM");
    const code = await this.exited();
    rmSync(this.#directory, { recursive: true, force: true });
    for (const file of [placeFile(this.stateDir), ledgerFile(this.stateDir)]) rmSync(file, { force: true });
    return code;
  }

  /** How often a line is in the fdinfo of each descriptor. */
  #fdinfoCounts(line: RegExp): number[] {
    const folder = `/proc/${this.pid}/fdinfo`;
    return readdirSync(folder).map((fd) => {
      try {
        return readFileSync(`${folder}/${fd}`, "utf8").match(line)?.length ?? 0;
      } catch {
        // Closed since the folder was listed.
        return 0;
      }
    });
  }

  #statusBytes(field: string): number {
    const status = readFileSync(`/proc/${this.pid}/status`, "utf8");
    return Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(status)?.[1]) * 1024;
  }

  #ended(): boolean {
    return this.#child?.exitCode !== null || this.#child.signalCode !== null;
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      this.#lines.push(...lines);
    }
    if (rest !== "") this.#lines.push(rest);
  }
}
