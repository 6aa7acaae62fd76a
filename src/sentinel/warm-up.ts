import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { close, openDirectory, openFile } from "../../ffi/file.ts";
import { cString } from "../../ffi/native-buffer.ts";
import { strike } from "../act/strike.ts";
import { closeUnits, openUnits } from "../act/units.ts";
import type { MemoryReader } from "../cgroup/hierarchy.ts";
import { kernelGeneration } from "../decide/kernel-generation.ts";
import { calm, step } from "../decide/step.ts";
import { BlackBoxWriter } from "../record/black-box.ts";
import { draftIncident, intentPrefix, intentText, thisMoment } from "../record/draft.ts";
import type { Start } from "./protocol.ts";

// Enough for the engine's compilers to take notice; the first real kill took several milliseconds without.
const ROUNDS = 300;
// One more than the largest pid_max (PID_MAX_LIMIT, include/linux/threads.h): no process ever has it.
const NOBODY = 4_194_305;
const CGROUP = "/warm-up";
const rehearsed = {
  kind: "kill",
  trigger: "poll",
  policy: "container",
  cgroup: CGROUP,
  identity: undefined,
  limitBytes: 1,
  thresholdBytes: 1,
  reading: null,
  victims: [],
  victimCount: 1,
  decideMicros: 0,
} as const;
const bounds = { thresholdBytes: 1, marginBytes: 1, cacheFloorBytes: 0 };

/**
 * Walks the whole path of a kill many times, up to the signal, so that it is compiled and its memory is there when it
 * counts. The stage is made of plain files: a cgroup with one process that cannot exist. Where no stage can be built
 * the first kill is a little slower.
 */
export function warmUp(start: Start, reader: MemoryReader): void {
  let stage: string;
  try {
    stage = mkdtempSync(`${tmpdir()}/oom-guard-`);
  } catch {
    return;
  }
  try {
    build(stage);
    rehearse(stage, start, reader);
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

function build(stage: string): void {
  const proc = `${stage}/proc/${NOBODY}`;
  mkdirSync(proc, { recursive: true });
  mkdirSync(`${stage}${CGROUP}`);
  const files: Record<string, string> = {
    [`${proc}/cgroup`]: `4:memory:${CGROUP}\n0::${CGROUP}\n`,
    [`${proc}/oom_score_adj`]: "0\n",
    [`${proc}/comm`]: "nobody\n",
    [`${proc}/status`]:
      "Name:\tnobody\nPPid:\t1\nCapEff:\t0000000000000000\nVmRSS:\t 4 kB\nVmPTE:\t 4 kB\nVmSwap:\t 0 kB\n",
    [`${stage}${CGROUP}/cgroup.procs`]: `${NOBODY}\n`,
  };
  for (const [path, text] of Object.entries(files)) writeFileSync(path, text);
}

function rehearse(stage: string, start: Start, reader: MemoryReader): void {
  const kernel = kernelGeneration(start.kernelRelease);
  const nullFd = openFile("/dev/null", 1);
  const stageFd = openDirectory(cString(`${stage}${CGROUP}`));
  const mountFd = openDirectory(cString(start.mount));
  const usageFd = openFile(`${start.mount}/memory.usage_in_bytes`, 0);
  const statFd = openFile(`${start.mount}/memory.stat`, 0);
  const blackBox = new BlackBoxWriter(nullFd);
  const prefix = intentPrefix(rehearsed);
  const around = {
    procRoot: `${stage}/proc`,
    reader,
    kernel,
    watched: CGROUP,
    isExempt: () => false,
    isStuck: () => false,
  };
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const reading = reader.reading({ directoryFd: mountFd, statFd }, reader.usage({ usageFd }));
      if (reading === null) return;
      step(calm, reading, bounds, "container", false, performance.now(), 0);
      const units = openUnits(stageFd, CGROUP, "container", () => undefined);
      strike(units, {
        policy: round % 2 === 0 ? "container" : "process",
        totalPages: () => reader.oomTotalPages(mountFd, 1),
        snapshot: round % 4 === 0 ? null : [],
        hierarchy: start.cgroupVersion,
        around,
        onIntent: (_unit, pids) => {
          const moment = thisMoment();
          blackBox.writeIntent(blackBox.claim(), intentText(prefix, moment, "poll", reading, pids));
          blackBox.write(blackBox.claim(), draftIncident(rehearsed, moment));
        },
        onRefused: () => undefined,
      });
      closeUnits(units);
    }
  } finally {
    for (const fd of [nullFd, stageFd, mountFd, usageFd, statFd]) close(fd);
  }
}
