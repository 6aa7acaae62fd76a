import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { hasSurvivors } from "../../../src/kernel-oom/survivors.ts";
import { scratch } from "../record/tiny-disk.ts";

let folder: ReturnType<typeof scratch>;
beforeEach(() => {
  folder = scratch();
});
afterEach(() => folder[Symbol.dispose]());

const UPTIME_S = 1000;

/** A container, and a /proc with its processes. @param startS seconds since boot */
function container(processes: { pid: number; state: string; startS: number; cgroup?: string }[]) {
  const [proc, cgroup] = [`${folder.path}/proc`, `${folder.path}/container`];
  mkdirSync(`${cgroup}/inside`, { recursive: true });
  mkdirSync(proc);
  writeFileSync(`${proc}/uptime`, `${UPTIME_S}.00 5.00\n`);
  for (const { pid, state, startS } of processes) {
    mkdirSync(`${proc}/${pid}/task`, { recursive: true });
    const fields = Array(18).fill(0).join(" ");
    writeFileSync(`${proc}/${pid}/stat`, `${pid} (a ) b) ${state} ${fields} ${startS * 100} 0 0\n`);
  }
  for (const place of ["", "/inside"]) {
    const pids = processes.filter(({ cgroup = "" }) => cgroup === place).map(({ pid }) => `${pid}\n`);
    writeFileSync(`${cgroup}${place}/cgroup.procs`, pids.join(""));
  }
  return { proc, cgroup };
}

test.each([
  ["nobody is left", [], false],
  ["the main process", [{ pid: 1, state: "S", startS: 10 }], true],
  ["one in a cgroup inside", [{ pid: 1, state: "S", startS: 10, cgroup: "/inside" }], true],
  ["the victim alone, which takes its time to die", [{ pid: 7, state: "D", startS: 10 }], false],
  ["a zombie", [{ pid: 1, state: "Z", startS: 10 }], false],
  ["one that was started after the kill", [{ pid: 1, state: "S", startS: 999 }], false],
])("%s", (_, processes, expected) => {
  const { proc, cgroup } = container(processes);
  // The kill was two seconds ago.
  expect(hasSurvivors(cgroup, proc, new Set([7]), 2000)).toBe(expected);
});

test("a container that is gone has none, nor has a process that is gone", () => {
  const { proc, cgroup } = container([]);
  expect(hasSurvivors(`${cgroup}/gone`, proc, new Set(), 0)).toBe(false);
  writeFileSync(`${cgroup}/cgroup.procs`, "12345\n");
  expect(hasSurvivors(cgroup, proc, new Set(), 0)).toBe(false);
});
