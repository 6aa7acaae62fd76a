import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { compile } from "./compile.ts";

/** One process of a crowd. */
export interface Member {
  /** cgroup.procs of the cgroup it lives in. */
  readonly procsFile: string;
  readonly megabytes: number;
  readonly adj: number;
  /** 0: one, and half of its memory is page tables. */
  readonly threads: number;
}

/** Processes that fill cgroups; see crowd.c. */
export interface Crowd {
  /** In the order of the members. */
  readonly pids: readonly number[];
  /** Has a cgroup charged so much more that belongs to no process, and waits until the first process dies. */
  overflow(procsFile: string, bytes: number): Promise<number>;
  kill(): Promise<void>;
}

let compiled: string | null = null;

function compileCrowd(): string {
  if (compiled !== null) return compiled;
  const out = `${mkdtempSync(`${tmpdir()}/oom-guard-crowd-`)}/crowd`;
  compile(`${import.meta.dir}/crowd.c`, out);
  compiled = out;
  return out;
}

/** Starts one, on one CPU, and waits until all of it is full. */
export async function startCrowd(cpu: number, members: readonly Member[]): Promise<Crowd> {
  const argv = members.map(({ procsFile, megabytes, adj, threads }) =>
    [procsFile, megabytes, adj, threads].join(","),
  );
  const child = Bun.spawn([compileCrowd(), String(cpu), ...argv], { stdio: ["pipe", "pipe", "inherit"] });
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let heard = "";
  const line = async () => {
    while (!heard.includes("\n")) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`the crowd ended (exit code ${await child.exited})`);
      heard += value;
    }
    const end = heard.indexOf("\n");
    const text = heard.slice(0, end);
    heard = heard.slice(end + 1);
    return text;
  };
  return {
    pids: (await line()).split(" ").map(Number),
    overflow(procsFile, bytes) {
      child.stdin.write(`${bytes} ${procsFile}\n`);
      child.stdin.flush();
      return line().then(Number);
    },
    async kill() {
      child.kill("SIGTERM");
      await child.exited;
    },
  };
}
