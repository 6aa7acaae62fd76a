import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { compile } from "./compile.ts";

const SOURCE = `${import.meta.dir}/wedge.c`;

let compiled: string | null = null;

/** Compiles the wedge for a machine with no libraries of this one's, a virtual one for example. */
export function compileStaticWedge(out: string): void {
  compile(SOURCE, out, ["-static"]);
}

/** Stops one thread of a process; it stands still when this resolves. @returns what lets it go on */
export async function wedge(thread: number): Promise<() => Promise<void>> {
  if (compiled === null) {
    compiled = `${mkdtempSync(`${tmpdir()}/oom-guard-wedge-`)}/wedge`;
    compile(SOURCE, compiled);
  }
  const child = Bun.spawn([compiled, String(thread)], { stdio: ["ignore", "pipe", "inherit"] });
  const reader = child.stdout.getReader();
  const { done } = await reader.read();
  reader.releaseLock();
  if (done) throw new Error(`thread ${thread} cannot be stopped (exit code ${await child.exited})`);
  return async () => {
    child.kill("SIGKILL");
    await child.exited;
  };
}
