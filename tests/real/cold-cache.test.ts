import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { BINARY, TestGuard } from "../support/guard.ts";
import { startLeak } from "../support/leak.ts";
import { patient, pause } from "../support/patience.ts";
import { missingLeak } from "../support/requirements.ts";

setDefaultTimeout(patient(60_000));

/** What a node that is short of memory does to files: those that nobody has mapped leave the page cache. */
function dropFromCache(file: string): void {
  const { exitCode, stderr } = Bun.spawnSync(["dd", `if=${file}`, "iflag=nocache", "count=0"]);
  if (exitCode !== 0) throw new Error(`dd: ${stderr}`);
}

/** How often a process has waited for the disk to bring memory of its files (proc_pid_stat(5), majflt). */
function majorFaults(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[9]);
}

describe.skipIf(missingLeak() !== null)("a node whose page cache is gone", () => {
  let top: TestCgroup;
  let cgroup: TestCgroup;
  let folder: string;
  let guard: TestGuard;

  beforeEach(async () => {
    top = TestCgroup.top();
    cgroup = top.child("first", 100 * MIB);
    folder = mkdtempSync(`${tmpdir()}/oom-guard-cold-`);
    // Others may run the executable, and what they have mapped stays.
    const own = `${folder}/oom-guard`;
    copyFileSync(BINARY, own);
    chmodSync(own, 0o755);
    Bun.spawnSync(["sync", own]);
    guard = await TestGuard.start({
      roots: [top.path],
      enter: ["sh", "-c", `shift; exec ${own} "$@"`, "sh"],
    });
  });

  afterEach(async () => {
    await guard.stop();
    await top.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  test("what the guard needs for its first kill is in memory", async () => {
    // After READY it cleans up.
    await pause(2000);
    dropFromCache(`${folder}/oom-guard`);
    const before = majorFaults(guard.pid);
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 300 });
    expect(await leak.exited).toBe(137);
    await pause(1000);
    expect(cgroup.oomKills).toBe(0);
    // None or one as a rule, where the engine takes a turn that it has not taken yet; 6 where code is given back that a
    // kill needs.
    expect(majorFaults(guard.pid) - before).toBeLessThan(4);
  });
});
