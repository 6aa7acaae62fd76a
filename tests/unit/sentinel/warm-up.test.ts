import { afterAll, beforeAll, expect, test } from "bun:test";
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { memoryReader } from "../../../src/cgroup/memory-reader.ts";
import { Stage } from "../../../src/sentinel/stage.ts";
import { WarmUp } from "../../../src/sentinel/warm-up.ts";
import { startWith } from "./start-with.ts";

const MOST = 200;
const stage = Stage.build()!;
const [soft, hard] = /Max open files\s+(\d+)\s+(\d+)/
  .exec(readFileSync("/proc/self/limits", "utf8"))!
  .slice(1);

const limitDescriptors = (most: string | number) =>
  Bun.spawnSync(["prlimit", `--nofile=${most}:${hard}`, "--pid", String(process.pid)]);

beforeAll(() => void limitDescriptors(MOST));

afterAll(() => {
  limitDescriptors(soft!);
  stage.remove();
});

const openCount = () => readdirSync("/proc/self/fd").length;

/** Opens what can be opened. */
function fill(): number[] {
  const fds: number[] = [];
  try {
    for (;;) fds.push(openSync("/dev/null", "r"));
  } catch {
    return fds;
  }
}

test.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 20])(
  "a rehearsal that finds %i descriptors left ends, and leaves none open",
  (left) => {
    const before = openCount();
    const fds = fill();
    for (const fd of fds.splice(0, left)) closeSync(fd);
    let doneCount = 0;
    const warmUp = new WarmUp(startWith(-1), memoryReader(1), () => doneCount++);
    try {
      warmUp.begin("rest", stage.folder);
      while (warmUp.isLeft) warmUp.doSome();
    } finally {
      for (const fd of fds) closeSync(fd);
    }
    expect(doneCount).toBe(1);
    expect(openCount()).toBe(before);
  },
);
