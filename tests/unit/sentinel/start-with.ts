import type { Start } from "../../../src/sentinel/protocol.ts";
import { sharedSkips } from "../../../src/sentinel/skips.ts";

/** What a sentinel is started with, on cgroup v1 and without a black box. */
export function startWith(controlFd: number, others: Partial<Start> = {}): Start {
  return {
    type: "start",
    controlFd,
    cgroupVersion: 1,
    mount: "/m",
    procRoot: "/proc",
    kernelRelease: "6.1",
    blackBoxFd: -1,
    blackBoxFirst: 0,
    skips: sharedSkips(),
    ...others,
  };
}
