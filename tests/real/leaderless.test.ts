import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sigkill } from "../../ffi/process.ts";
import { factsOf } from "../../src/act/choose.ts";
import { killProcess } from "../../src/act/kill-process.ts";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { hierarchy } from "../support/hierarchy.ts";
import { missingLeak } from "../support/requirements.ts";

const missing = missingLeak();

// Any C program may end its main thread and go on in the others. Such a process is no less of a leak.
describe.skipIf(missing !== null)("a process whose main thread has ended", () => {
  let scratch: string;
  let cgroup: TestCgroup;
  let child: Bun.Subprocess<"ignore", "pipe", "inherit">;

  beforeAll(async () => {
    scratch = mkdtempSync(join(tmpdir(), "oom-guard-leaderless-"));
    cgroup = TestCgroup.top();
    const program = join(scratch, "leaderless");
    const source = join(import.meta.dir, "../support/leaderless.c");
    const { exitCode, stderr } = Bun.spawnSync(["gcc", "-O1", "-pthread", "-o", program, source]);
    if (exitCode !== 0) throw new Error(`gcc: ${stderr}`);
    child = Bun.spawn([program, cgroup.procsFile, "24"], { stdio: ["ignore", "pipe", "inherit"] });
    await child.stdout.getReader().read();
  });

  afterAll(async () => {
    child.kill("SIGKILL");
    await child.exited;
    await cgroup.remove();
    rmSync(scratch, { recursive: true, force: true });
  });

  test("its memory is seen, and it can be killed in its cgroup only", async () => {
    expect(cgroup.pids).toEqual([child.pid]);
    const [facts] = factsOf("/proc", [child.pid]);
    expect(facts?.comm).toBe("leaderless");
    expect(facts?.rssBytes).toBeGreaterThanOrEqual(24 * MIB);
    expect(killProcess("/proc", child.pid, `${cgroup.path}-other`, hierarchy.version, sigkill)).toBe("gone");
    expect(killProcess("/proc", child.pid, cgroup.path, hierarchy.version, sigkill)).toBe("killed");
    await child.exited;
    expect(child.signalCode).toBe("SIGKILL");
  });
});
