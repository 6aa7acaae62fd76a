import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { oomGuard } from "../cli/oom-guard.ts";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { hierarchy } from "../support/hierarchy.ts";
import { startLeak } from "../support/leak.ts";
import { patient } from "../support/patience.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(patient(60_000));

/** What else goes on in the machine between two looks. */
const NOISE_BYTES = 24 * MIB;

let top: TestCgroup;
let scratch: string;

beforeEach(() => {
  top = TestCgroup.top();
  scratch = mkdtempSync(join(tmpdir(), "oom-guard-scan-"));
});

afterEach(async () => {
  await top.remove();
  rmSync(scratch, { recursive: true, force: true });
});

async function scan() {
  const { exitCode, stdout, stderr } = await oomGuard("scan", "--json", "--cgroup-root", top.path);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  return JSON.parse(stdout);
}

/** What the root has beside inactive file cache: it has no memory.current. */
function heldByAll(): number {
  const stat = readFileSync(join(hierarchy.mount, "memory.stat"), "utf8");
  const field = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, "m").exec(stat)?.[1]);
  return field("anon") + field("file") - field("inactive_file");
}

test("the node's working set is the root's anonymous memory and cache, but for the cache that is inactive", async () => {
  // While the program looks: what it holds itself counts, too.
  const held: number[] = [];
  const timer = setInterval(() => held.push(heldByAll()), 20);
  const before = (await scan()).node;
  clearInterval(timer);
  expect(before.workingSetBytes).toBeGreaterThan(Math.min(...held) - NOISE_BYTES);
  expect(before.workingSetBytes).toBeLessThan(Math.max(...held) + NOISE_BYTES);
  expect(before.memoryAvailableBytes).toBe(before.memoryTotalBytes - before.workingSetBytes);

  const cgroup = top.child("leak", 200 * MIB);
  const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 100, hold: true });
  await until("the leak is full", () => cgroup.anonBytes >= 100 * MIB);
  const after = (await scan()).node;
  expect(Math.abs(before.memoryAvailableBytes - after.memoryAvailableBytes - 100 * MIB)).toBeLessThan(
    NOISE_BYTES,
  );
  await leak.kill();
});

test("cache that is read once counts neither for the node nor for its cgroup", async () => {
  const file = join(scratch, "read-once");
  writeFileSync(file, Buffer.alloc(60 * MIB));
  const before = (await scan()).node;
  const cgroup = top.child("cache", 200 * MIB);
  const read = `echo $$ >"$1" && sync "$2" && dd if="$2" iflag=nocache count=0 && cat "$2"`;
  Bun.spawnSync(["/bin/sh", "-c", read, "sh", cgroup.procsFile, file], {
    stdout: "ignore",
    stderr: "ignore",
  });
  const { node, cgroups } = await scan();
  const [row] = cgroups;
  expect(row.usageBytes).toBeGreaterThan(50 * MIB);
  expect(row.workingSetBytes).toBeLessThan(10 * MIB);
  expect(Math.abs(node.workingSetBytes - before.workingSetBytes)).toBeLessThan(NOISE_BYTES);
});
