import { existsSync, rmdirSync } from "node:fs";
import { dirname } from "node:path";
import { MIB, TestCgroup } from "../cgroup.ts";
import { startLeak } from "../leak.ts";

/** Enough for the guard to find and arm it, in an emulated machine too. */
const ARMED_AFTER_MS = 1000;
// A race at full speed says nothing under emulation: what counts here is that the leak is seen at all.
const LEAK_MB_PER_S = 20;

/** The cgroups of a container and its pod, named as kubelet does, with no runtime behind them. */
export class BareContainer {
  readonly cgroup: TestCgroup;

  private constructor(limitMib: number) {
    const id = `${crypto.randomUUID()}${crypto.randomUUID()}`.replaceAll("-", "");
    this.cgroup = new TestCgroup(`/kubepods/burstable/pod${crypto.randomUUID()}/${id}`, limitMib * MIB);
  }

  /** Makes one, and gives the guard the time to arm it. */
  static async create(limitMib: number): Promise<BareContainer> {
    const container = new BareContainer(limitMib);
    await Bun.sleep(ARMED_AFTER_MS);
    return container;
  }

  /** Relative to the mount. */
  get path(): string {
    return this.cgroup.path;
  }

  /** Starts a process in it that takes so much memory, slowly, and keeps it. */
  leak(megabytes: number) {
    const { procsFile } = this.cgroup;
    return startLeak({ procsFile, megabytes, rateMbPerS: LEAK_MB_PER_S, hold: true });
  }

  /** Ends what runs in it, and removes both cgroups. A second time does no harm. */
  async remove(): Promise<void> {
    await this.cgroup.remove();
    const pod = dirname(this.cgroup.directory);
    if (existsSync(pod)) rmdirSync(pod);
  }
}
