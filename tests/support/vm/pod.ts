import { writeFileSync } from "node:fs";
import { MIB } from "../cgroup.ts";
import { kubernetesLabels, type TestContainerd } from "../containerd.ts";

/** How a kubelet has its cgroups named: by itself, or by systemd, which it asks to make them. */
export type CgroupDriver = "cgroupfs" | "systemd";

export interface PodRequest {
  readonly name: string;
  readonly qos?: "guaranteed" | "burstable" | "besteffort";
  readonly driver?: CgroupDriver;
  /** What kubelet gives every process of it, the sandbox too; -998 in a Guaranteed pod. */
  readonly oomScoreAdj?: number;
}

/**
 * A pod as a kubelet has containerd make it: a sandbox and containers, with the cgroups, labels and oom_score_adj of
 * its class. Made by `ctr`, so that it needs no cluster.
 */
export class MachinePod {
  readonly name: string;
  readonly uid = crypto.randomUUID();
  readonly #containerd: TestContainerd;
  readonly #request: PodRequest;

  constructor(containerd: TestContainerd, request: PodRequest) {
    this.#containerd = containerd;
    this.#request = request;
    this.name = request.name;
  }

  /** Its cgroup, relative to the mount. */
  get cgroup(): string {
    const { driver = "cgroupfs" } = this.#request;
    if (driver === "cgroupfs") return `/kubepods${this.#class("/")}/pod${this.uid}`;
    const parent = this.#class("-");
    return `/kubepods.slice${parent === "" ? "" : `/kubepods${parent}.slice`}/${this.#slice}`;
  }

  /** Starts its sandbox. @returns the pid of pause */
  async startSandbox(): Promise<number> {
    const { pid } = await this.#start(undefined, ["sleep", "100000"], undefined);
    return pid;
  }

  /** Starts a container. @returns the pid of its first process, and its cgroup */
  startContainer(
    name: string,
    limitMib: number,
    args: readonly string[],
  ): Promise<{ readonly id: string; readonly pid: number; readonly cgroup: string }> {
    return this.#start(name, args, limitMib * MIB);
  }

  async #start(container: string | undefined, args: readonly string[], memoryLimitBytes: number | undefined) {
    const { driver = "cgroupfs", oomScoreAdj = 0 } = this.#request;
    const id = `${crypto.randomUUID()}${crypto.randomUUID()}`.replaceAll("-", "");
    const scope = driver === "systemd" ? { scope: `${this.#slice}:cri-containerd:${id}` } : {};
    const cgroup = `${this.cgroup}/${driver === "systemd" ? `cri-containerd-${id}.scope` : id}`;
    const pid = await this.#containerd.runContainer({
      id,
      cgroup,
      ...scope,
      ...(memoryLimitBytes === undefined ? {} : { memoryLimitBytes }),
      labels: kubernetesLabels({
        namespace: "shop",
        name: this.name,
        uid: this.uid,
        ...(container === undefined ? {} : { container }),
      }),
      args,
    });
    writeFileSync(`/proc/${pid}/oom_score_adj`, String(oomScoreAdj));
    return { id, pid, cgroup };
  }

  #class(separator: string): string {
    const { qos = "burstable" } = this.#request;
    return qos === "guaranteed" ? "" : `${separator}${qos}`;
  }

  get #slice(): string {
    return `kubepods${this.#class("-")}-pod${this.uid.replaceAll("-", "_")}.slice`;
  }
}
