import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";

let compiled: string | null = null;

/**
 * The environment in which the guard meets an old kernel's behaviour; see old-kernel.c.
 * @param faults any of pages, silent, refused, nolocal, nocount, nopidfd, nomlock2, eager, epoll, noinotify, deaf, nohold, uname
 */
export function oldKernel(...faults: string[]): Record<string, string> {
  if (compiled === null) {
    const out = `${mkdtempSync(`${tmpdir()}/oom-guard-old-`)}/old-kernel.so`;
    const options = [
      "-shared",
      "-fPIC",
      "-O2",
      "-o",
      out,
      `${import.meta.dir}/old-kernel.c`,
      "-ldl",
      "-lpthread",
    ];
    const result = Bun.spawnSync(["gcc", ...options]);
    if (result.exitCode !== 0) throw new Error(`gcc: ${result.stderr}`);
    compiled = out;
  }
  return { LD_PRELOAD: compiled, FAULT: faults.join(" ") };
}
