import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";

let compiled: string | null = null;

/** Put before a command line, runs it with no system call that is newer than Linux 3.10; see old-syscalls.c. */
export function oldSyscalls(): readonly string[] {
  if (compiled === null) {
    const out = `${mkdtempSync(`${tmpdir()}/oom-guard-old-`)}/old-syscalls`;
    const result = Bun.spawnSync(["gcc", "-O2", "-o", out, `${import.meta.dir}/old-syscalls.c`]);
    if (result.exitCode !== 0) throw new Error(`gcc: ${result.stderr}`);
    compiled = out;
  }
  return [compiled];
}
