import { close, openDirectory, openFile } from "../../ffi/file.ts";
import { cString } from "../../ffi/native-buffer.ts";
import { factsOf } from "../act/choose.ts";
import { killProcess } from "../act/kill-process.ts";
import type { MemoryReader } from "../cgroup/hierarchy.ts";
import { calm, step } from "../decide/step.ts";
import { draftIncident } from "../record/draft.ts";
import type { Start } from "./protocol.ts";

// Enough for the engine's second compiler tier; without it the first real kill took several milliseconds longer.
const ROUNDS = 200;
const bounds = { thresholdBytes: 1, marginBytes: 1, cacheFloorBytes: 0 };

/**
 * Walks the path of a kill many times on this process itself, up to the signal, so that it is compiled and its memory
 * is there when it counts. Reads only.
 */
export function warmUp(start: Start, reader: MemoryReader): void {
  const directoryFd = openDirectory(cString(start.mount));
  const usageFd = openFile(`${start.mount}/memory.usage_in_bytes`, 0);
  const statFd = openFile(`${start.mount}/memory.stat`, 0);
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const usageBytes = reader.usage({ usageFd });
      const reading = reader.reading({ directoryFd, statFd }, usageBytes);
      if (reading === null) return;
      step(calm, reading, bounds, "container", false, performance.now());
      // A cgroup nobody is in, so the outcome is always "gone", or "spared" for this process.
      killProcess(start.procRoot, process.ppid, "/oom-guard/nobody", start.cgroupVersion);
      factsOf(start.procRoot, [process.pid]);
      JSON.stringify(
        draftIncident({
          kind: "kill",
          trigger: "poll",
          policy: "container",
          cgroup: "/",
          identity: undefined,
          limitBytes: 1,
          thresholdBytes: 1,
          reading,
          victims: [],
          victimCount: 0,
          decideMicros: 0,
        }),
      );
    }
  } finally {
    for (const fd of [directoryFd, usageFd, statFd]) close(fd);
  }
}
