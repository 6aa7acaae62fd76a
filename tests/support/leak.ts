import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { compile } from "./compile.ts";

/** What the leaking program is asked to do; see leak.c. */
export interface LeakOptions {
  /** cgroup.procs of the cgroup it enters; absent: it stays where it is. */
  readonly procsFile?: string;
  readonly megabytes: number;
  readonly threads?: number;
  readonly huge?: boolean;
  readonly shm?: string;
  /** So many children share the size with it; all sleep afterwards. */
  readonly forks?: number;
  /** Sleep afterwards instead of leaving. */
  readonly hold?: boolean;
  /** Touch nothing before `go()`. */
  readonly wait?: boolean;
  readonly rateMbPerS?: number;
  readonly adj?: number;
  /** What it calls itself, at most 15 bytes. */
  readonly name?: string;
}

const SOURCE = `${import.meta.dir}/leak.c`;

let compiled: string | null = null;

/** Compiles the leaking program once per test process. @returns its path */
export function compileLeak(): string {
  if (compiled !== null) return compiled;
  const out = `${mkdtempSync(`${tmpdir()}/oom-guard-leak-`)}/leak`;
  compile(SOURCE, out);
  compiled = out;
  return out;
}

/** Compiles it for a root file system with no libraries in it. */
export function compileStaticLeak(out: string): void {
  compile(SOURCE, out, ["-static"]);
}

/** A running leak. */
export interface Leak {
  readonly pid: number;
  go(): void;
  /** The exit code, 128 + N after signal N. */
  readonly exited: Promise<number>;
  kill(): Promise<void>;
}

/** Starts the leaking program; it is inside its cgroup when this resolves. */
export async function startLeak(options: LeakOptions): Promise<Leak> {
  const {
    procsFile = "-",
    megabytes,
    threads,
    huge,
    shm,
    forks,
    hold,
    wait,
    rateMbPerS,
    adj,
    name,
  } = options;
  const optional = [
    threads === undefined ? null : `threads=${threads}`,
    huge ? "huge" : null,
    shm === undefined ? null : `shm=${shm}`,
    forks === undefined ? null : `forks=${forks}`,
    hold ? "hold" : null,
    wait ? "wait" : null,
    rateMbPerS === undefined ? null : `rate=${rateMbPerS}`,
    adj === undefined ? null : `adj=${adj}`,
    name === undefined ? null : `name=${name}`,
  ].filter((argument) => argument !== null);
  const child = Bun.spawn([compileLeak(), procsFile, String(megabytes), ...optional], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  // It says its pid once it is in.
  const reader = child.stdout.getReader();
  const { done } = await reader.read();
  reader.releaseLock();
  if (done) throw new Error(`the leak did not start (exit code ${await child.exited})`);
  return {
    pid: child.pid,
    go() {
      child.stdin.write("g");
      child.stdin.flush();
    },
    exited: child.exited,
    async kill() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}
