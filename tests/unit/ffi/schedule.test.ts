import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { runThreadFirst, runThreadOrdinarily } from "../../../ffi/schedule.ts";

const SCHED_OTHER = 0;
const SCHED_FIFO = 1;

/** Field 41 of /proc/PID/stat; the calling thread is the main one here. */
function policy(): number {
  const stat = readFileSync("/proc/self/stat", "utf8");
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[38]);
}

test.skipIf(process.getuid?.() !== 0)("a thread that ran first is an ordinary one again", () => {
  runThreadFirst();
  const before = policy();
  runThreadOrdinarily();
  expect([before, policy()]).toEqual([SCHED_FIFO, SCHED_OTHER]);
});
