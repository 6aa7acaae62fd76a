import { writeFileSync } from "node:fs";
import { MIB, TestCgroup } from "../cgroup.ts";
import { until } from "../until.ts";
import type { TestDocker } from "./docker.ts";

const LIMIT_MIB = 100;
const LEAK = `until [ -e /go ]; do sleep 0.05; done; exec leak - ${LIMIT_MIB * 3} rate=400`;

/** What Docker says of a container that has ended. */
export interface Ended {
  readonly ExitCode: number;
  readonly OOMKilled: boolean;
}

/** A container of Docker's with a memory limit, that leaks when it is told to. */
export class DockerLeak {
  readonly id: string;
  readonly cgroup: string;
  readonly limitBytes = LIMIT_MIB * MIB;
  readonly #docker: TestDocker;

  private constructor(docker: TestDocker, id: string, parent: string) {
    this.#docker = docker;
    this.id = id;
    this.cgroup = `${parent}/${id}`;
  }

  /** @param cgroupParent the daemon's unless given */
  static async run(docker: TestDocker, name: string, cgroupParent?: string): Promise<DockerLeak> {
    const id = await docker.run({
      name,
      args: ["sh", "-c", LEAK],
      memoryBytes: LIMIT_MIB * MIB,
      ...(cgroupParent === undefined ? {} : { cgroupParent }),
    });
    // The kernel takes some 20 ms to register a threshold.
    await Bun.sleep(100);
    return new DockerLeak(docker, id, cgroupParent ?? docker.cgroupParent);
  }

  /** Leaks until it is killed. @returns how many processes the kernel's OOM killer has shot in it */
  async leak(): Promise<number> {
    const cgroup = new TestCgroup(this.cgroup);
    // Not through Docker, which may be away.
    writeFileSync(`/proc/${cgroup.pids[0]}/root/go`, "");
    let oomKills = 0;
    await until(`container ${this.id} has ended`, async () => {
      try {
        oomKills = cgroup.oomKills;
        return cgroup.pids.length === 0;
      } catch {
        // Docker has removed it.
        return true;
      }
    });
    return oomKills;
  }

  /** Waits until Docker has noticed. */
  async ended(): Promise<Ended> {
    let state: Ended & { readonly Status: string } = { Status: "", ExitCode: -1, OOMKilled: false };
    await until(`Docker notices the end of ${this.id}`, async () => {
      state = JSON.parse(await this.#docker.docker(["inspect", "--format", "{{json .State}}", this.id]));
      return state.Status === "exited";
    });
    return { ExitCode: state.ExitCode, OOMKilled: state.OOMKilled };
  }
}
