import { rmdirSync } from "node:fs";
import { dirname } from "node:path";
import { MIB, TestCgroup } from "../cgroup.ts";
import { startLeak } from "../leak.ts";
import type { TestApiServer } from "./api-server.ts";

export interface PaperPodRequest {
  readonly root: string;
  readonly node: string;
  readonly name: string;
  readonly namespace?: string;
  /** `app` unless given. */
  readonly container?: string;
  /** Memory, in mebibytes. */
  readonly limit?: number;
}

/**
 * A pod without a kubelet: an object of the API server, bound to the node, and on this machine the cgroup that a kubelet
 * would have made for its one container. No runtime knows it, so only the API server can tell its names.
 */
export class PaperPod {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly containerId: string;
  readonly cgroup: TestCgroup;
  readonly #limitMib: number;

  private constructor(request: PaperPodRequest, namespace: string, uid: string) {
    this.name = request.name;
    this.namespace = namespace;
    this.uid = uid;
    this.containerId = `${crypto.randomUUID()}${crypto.randomUUID()}`.replaceAll("-", "");
    this.#limitMib = request.limit ?? 100;
    this.cgroup = new TestCgroup(
      `${request.root}/kubepods/burstable/pod${uid}/${this.containerId}`,
      this.#limitMib * MIB,
    );
  }

  /** @returns the pod, with its container running as far as the API server knows */
  static async create(api: TestApiServer, request: PaperPodRequest): Promise<PaperPod> {
    const { name, node, namespace = "default", container = "app", limit = 100 } = request;
    const memory = { memory: `${limit}Mi` };
    const { metadata } = await api.createPod({
      name,
      namespace,
      nodeName: node,
      containers: [{ name: container, requests: { memory: "10Mi" }, limits: memory }],
    });
    const pod = new PaperPod(request, namespace, metadata.uid);
    const status = { name: container, ready: true, restartCount: 0, image: "none", imageID: "none" };
    await api.patchPodStatus(namespace, name, {
      phase: "Running",
      containerStatuses: [{ ...status, containerID: `docker://${pod.containerId}` }],
    });
    // The kernel takes some 20 ms to register a threshold.
    await Bun.sleep(100);
    return pod;
  }

  /** Leaks until it is killed. @returns the exit code of the leak, 137 after SIGKILL */
  async leak(rateMbPerS = 400): Promise<number> {
    const megabytes = this.#limitMib * 2;
    const leak = await startLeak({ procsFile: this.cgroup.procsFile, megabytes, rateMbPerS });
    return leak.exited;
  }

  /** Ends what runs in it, and removes the cgroups that a kubelet would have made for it. */
  async remove(): Promise<void> {
    await this.cgroup.remove();
    rmdirSync(dirname(this.cgroup.directory));
  }
}
