import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { signal, threadStates } from "./processes.ts";
import { until } from "./until.ts";

const TAIL_LINES = 15;

/** A long-running program of a test's own; what it prints goes to the end of the file NAME.log. */
export class Daemon {
  readonly #name: string;
  readonly #logFile: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;

  constructor(argv: readonly string[], logFile: string, env: Readonly<Record<string, string>> = {}) {
    this.#logFile = logFile;
    this.#name = basename(logFile, ".log");
    const [program = "", ...args] = argv;
    const log = openSync(logFile, "a");
    this.#child = spawn(program, args, { stdio: ["ignore", log, log], env: { ...process.env, ...env } });
    closeSync(log);
    this.#exited = new Promise((resolve) => {
      this.#child.once("exit", () => resolve());
      this.#child.once("error", () => resolve());
    });
  }

  get pid(): number {
    const pid = this.#child.pid;
    if (pid === undefined) throw new Error(`${this.#name} did not start`);
    return pid;
  }

  get running(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Waits until it is up; fails with the end of its log when it ends, or is not up within the time. */
  async ready(condition: () => boolean | Promise<boolean>, timeoutMs = 60_000): Promise<void> {
    const up = async () => !this.running || (await condition());
    await until(`${this.#name} is ready`, up, timeoutMs).catch((error) => {
      throw new Error(`${error.message}\n${this.#tail()}`);
    });
    if (!this.running) throw new Error(`${this.#name} ended:\n${this.#tail()}`);
  }

  /** Stops it with SIGSTOP: its sockets still accept, and nothing answers. */
  async freeze(): Promise<void> {
    signal(this.pid, "SIGSTOP");
    // Its threads stop one after the other, and those that still run answer.
    await until(`${this.#name} stopped`, () => threadStates(this.pid).every((state) => state === "T"));
  }

  /** Lets a stopped one go on. */
  thaw(): void {
    signal(this.pid, "SIGCONT");
  }

  /** Ends it, frozen or not, and waits. */
  async end(how: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<void> {
    if (!this.running) return;
    signal(this.pid, "SIGCONT");
    signal(this.pid, how);
    await this.#exited;
  }

  #tail(): string {
    return readFileSync(this.#logFile, "utf8").trimEnd().split("\n").slice(-TAIL_LINES).join("\n");
  }
}
