import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { kubernetesLabels, TestContainerd } from "../support/containerd.ts";
import { BINARY, TestGuard } from "../support/guard.ts";
import { startLeak } from "../support/leak.ts";
import { oldSyscalls } from "../support/old-syscalls.ts";
import { missingContainerd } from "../support/requirements.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(60_000);

const UID = "11111111-2222-3333-4444-555555555555";
const ID = "e".repeat(64);

describe.skipIf(missingContainerd() !== null)("with no system call newer than Linux 3.10", () => {
  let top: TestCgroup;

  beforeEach(() => {
    top = TestCgroup.top();
  });

  afterEach(() => top.remove());

  test("the calls that came later are really refused", () => {
    const source = `
      const { dlopen } = require("bun:ffi");
      const { symbols } = dlopen("libc.so.6", {
        syscall: { args: ["i64", "ptr", "i64", "i64"], returns: "i64" },
        __errno_location: { args: [], returns: "ptr" },
      });
      const getrandom = 318;
      const into = new Uint8Array(8);
      const result = symbols.syscall(getrandom, into, 8, 0);
      console.log(Number(result), require("bun:ffi").read.i32(symbols.__errno_location(), 0));`;
    const run = (enter: readonly string[]) =>
      Bun.spawnSync([...enter, process.execPath, "-e", source])
        .stdout.toString()
        .trim();
    expect(run([])).toStartWith("8 ");
    expect(run(oldSyscalls())).toBe("-1 38");
  });

  test("a leak is killed, named by containerd, recorded; cache is reclaimed; and it stops in order", async () => {
    const containerd = await TestContainerd.start();
    const pod = `${top.path}/kubepods/burstable/pod${UID}`;
    const guard = await TestGuard.start({
      roots: [top.path],
      config: `[runtime]\nsockets = ["${containerd.socket}"]\n`,
      enter: oldSyscalls(),
    });
    try {
      await containerd.runContainer({
        id: ID,
        cgroup: `${pod}/${ID}`,
        memoryLimitBytes: 200 * MIB,
        labels: kubernetesLabels({ namespace: "shop", name: "old-0", uid: UID, container: "app" }),
        args: ["sleep", "1000"],
      });
      const cgroup = new TestCgroup(`${pod}/${ID}`);
      await until("it knows the container", () => scanned(guard, top.path).includes("old-0"));

      const file = `${guard.stateDir}/cache`;
      const fill = `echo $$ >${cgroup.procsFile}; dd if=/dev/zero of=${file} bs=1M count=300 conv=fsync 2>/dev/null`;
      expect(Bun.spawnSync(["sh", "-c", fill]).exitCode).toBe(0);
      await until("the cache is dropped", () => cgroup.usageBytes < 100 * MIB);

      const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 400, rateMbPerS: 400 });
      expect(await leak.exited).toBe(137);
      const kill = await guard.incident(cgroup.path, "kill");
      expect(kill).toMatchObject({ namespace: "shop", pod: "old-0", container: "app", policy: "container" });
      expect(cgroup.oomKills).toBe(0);
      expect(guard.log.filter(({ level }) => level === "error")).toEqual([]);
    } finally {
      expect(await guard.stop()).toBe(0);
      await containerd.stop();
    }
  });
});

function scanned(guard: TestGuard, root: string): string {
  const command = [BINARY, "scan", "--json", "--config", guard.configFile, "--cgroup-root", root];
  return Bun.spawnSync([...oldSyscalls(), ...command]).stdout.toString();
}
