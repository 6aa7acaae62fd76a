import { TestContainerd } from "../containerd.ts";
import { criConfig } from "./cri.ts";
import { TestDocker } from "./docker.ts";
import { PAUSE_IMAGE } from "./image.ts";
import { MountNamespace } from "./mount-namespace.ts";

/** What kubelet runs a node's containers with. */
export interface NodeRuntime {
  /** Put before kubelet's command line: it mounts what containers are to find. */
  readonly enter: readonly string[];
  /** Where names and pids are known, Docker's too. */
  readonly containerd: TestContainerd;
  readonly docker: TestDocker | null;
  /** Of kubelet. */
  readonly flags: Readonly<Record<string, string>>;
  importImages(archive: string): Promise<void>;
  stop(): Promise<void>;
}

/** containerd with its CRI plugin. */
export async function containerdRuntime(directory: string): Promise<NodeRuntime> {
  const namespace = await MountNamespace.create(directory);
  const { enter } = namespace;
  try {
    const containerd = await TestContainerd.start({ enter, cri: criConfig(directory) });
    return {
      enter,
      containerd,
      docker: null,
      flags: {
        "container-runtime": "remote",
        "container-runtime-endpoint": `unix://${containerd.socket}`,
      },
      async importImages(archive) {
        await containerd.ctr(["images", "import", "--snapshotter", "native", archive]);
      },
      async stop() {
        await containerd.stop();
        await namespace.stop();
      },
    };
  } catch (error) {
    await namespace.stop();
    throw error;
  }
}

/** Docker, by the shim that kubelet had for it. */
export async function dockerRuntime(directory: string): Promise<NodeRuntime> {
  const docker = await TestDocker.start();
  return {
    enter: docker.enter,
    containerd: docker.containerd,
    docker,
    flags: {
      "container-runtime": "docker",
      // Where the shim is to listen.
      "container-runtime-endpoint": `unix://${directory}/dockershim.sock`,
      "experimental-dockershim-root-directory": `${directory}/dockershim`,
      "docker-endpoint": docker.host,
      docker: docker.host,
      "pod-infra-container-image": PAUSE_IMAGE,
    },
    // It starts with them.
    importImages: () => Promise.resolve(),
    stop: () => docker.stop(),
  };
}
