// A process that leaks: enters a cgroup and touches more and more memory, slowly enough to watch.
//   bun leaker.ts PROCS_FILE SIZE_MB MB_PER_S
import { writeFileSync } from "node:fs";
import { Ballast } from "../../ffi/ballast.ts";

const [procsFile = "", sizeMb = "0", mbPerS = "0"] = process.argv.slice(2);
const MIB = 1024 * 1024;
const PACE_MS = 5;

const parent = process.ppid;
const size = Number(sizeMb) * MIB;
const ballast = new Ballast(size);
// The name that log and history show.
writeFileSync("/proc/self/comm", "leaky-app");
writeFileSync(procsFile, `${process.pid}`);

const started = performance.now();
// Should the demo be killed the hard way, nobody else would end this.
for (let done = 0; done < size && process.ppid === parent; ) {
  const due = Math.min(size, ((performance.now() - started) / 1000) * Number(mbPerS) * MIB);
  if (due > done) ballast.touch(done, due);
  done = Math.max(done, due);
  Bun.sleepSync(PACE_MS);
}
