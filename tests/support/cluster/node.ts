import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CgroupDirs, hierarchies } from "../cgroup-dirs.ts";
import type { TestContainerd } from "../containerd.ts";
import { Daemon } from "../daemon.ts";
import { until } from "../until.ts";
import type { TestApiServer } from "./api-server.ts";
import type { TestDocker } from "./docker.ts";
import { IMAGE, writeImages } from "./image.ts";
import { kubeletArgv } from "./kubelet-config.ts";
import { kubernetesFolder } from "./kubernetes-folder.ts";
import { containerdRuntime, dockerRuntime, type NodeRuntime } from "./node-runtime.ts";
import { type ContainerStatus, type Pod, type PodRequest, podManifest } from "./objects.ts";

const TRIGGERS = "/triggers";
const POLL_MS = 50;
const POD_TIMEOUT_MS = 60_000;

/** Arguments of a container that waits for `TestNode.trigger(name)` and then becomes the command. */
export function whenTriggered(name: string, command: string): string[] {
  return ["sh", "-c", `until [ -e ${TRIGGERS}/${name} ]; do sleep 0.05; done; exec ${command}`];
}

export interface NodeOptions {
  /** containerd unless given. */
  readonly runtime?: "containerd" | "docker";
  /** Of kubelet's configuration, beside those that all tests have. */
  readonly settings?: Readonly<Record<string, unknown>>;
}

/** A node of a cluster: kubelet and what runs its containers, all their cgroups below one of the test's own. */
export class TestNode {
  readonly name: string;
  readonly directory = mkdtempSync(join(tmpdir(), "oom-guard-node-"));
  /** The cgroup that kubelet's `kubepods` is in. */
  readonly cgroupRoot: string;
  readonly #api: TestApiServer;
  readonly #cgroups = new CgroupDirs();
  readonly #triggers = join(this.directory, "triggers");
  readonly #manifests = join(this.directory, "manifests");
  readonly #settings: Readonly<Record<string, unknown>>;
  readonly #startRuntime: (directory: string) => Promise<NodeRuntime>;
  #runtime: NodeRuntime | null = null;
  #kubelet: Daemon | null = null;
  #argv: readonly string[] = [];

  private constructor(api: TestApiServer, name: string, { runtime, settings = {} }: NodeOptions) {
    this.#api = api;
    this.#startRuntime = runtime === "docker" ? dockerRuntime : containerdRuntime;
    this.#settings = settings;
    this.name = name;
    this.cgroupRoot = `/oom-guard-${name}-${process.pid}`;
  }

  /** Starts one and waits until it is Ready. */
  static async start(api: TestApiServer, name = "node", options: NodeOptions = {}): Promise<TestNode> {
    const node = new TestNode(api, name, options);
    try {
      await node.#start();
    } catch (error) {
      await node.stop();
      throw error;
    }
    return node;
  }

  /** Its containerd: socket, `ctr()`, `freeze()`, `thaw()`, `crash()`, `startDaemon()`. */
  get containerd(): TestContainerd {
    return this.#running.containerd;
  }

  /** Its Docker. */
  get docker(): TestDocker {
    const { docker } = this.#running;
    if (docker === null) throw new Error(`${this.name} runs without Docker`);
    return docker;
  }

  /** What the guard is to be pointed at. */
  get kubepods(): string {
    return `${this.cgroupRoot}/kubepods`;
  }

  /** Starts kubelet, again after `stopKubelet()`. */
  startKubelet(): void {
    this.#kubelet = new Daemon(this.#argv, join(this.directory, "kubelet.log"), {
      // It would ask the network for the credentials of a cloud's registry.
      AWS_EC2_METADATA_DISABLED: "true",
    });
  }

  /** Waits until it is started and says that the node is Ready. */
  async ready(): Promise<void> {
    await this.#kubelet?.ready(() => this.#isReady());
  }

  /** SIGKILL: its pods run on. */
  async stopKubelet(): Promise<void> {
    await this.#kubelet?.end();
    this.#kubelet = null;
  }

  /** Makes a pod of this node; its containers run when it resolves. */
  async runPod(request: Omit<PodRequest, "nodeName">): Promise<Pod> {
    const hostPaths = { [TRIGGERS]: this.#triggers, ...request.hostPaths };
    const { metadata } = await this.#api.createPod({ ...request, nodeName: this.name, hostPaths }, IMAGE);
    return this.waitPod(metadata.name, hasRun, metadata.namespace);
  }

  /** The same by a manifest that kubelet reads. @returns its mirror at the API server, NAME-NODE in `default` */
  async runStaticPod(request: Omit<PodRequest, "nodeName" | "namespace">): Promise<Pod> {
    const hostPaths = { [TRIGGERS]: this.#triggers, ...request.hostPaths };
    const manifest = podManifest(IMAGE, { ...request, nodeName: this.name, hostPaths });
    writeFileSync(join(this.#manifests, `${request.name}.json`), JSON.stringify(manifest));
    const name = `${request.name}-${this.name}`;
    const mirrored = () =>
      this.#api.pod("default", name).then(Boolean, () => Bun.sleep(POLL_MS).then(() => false));
    await until(`mirror of static pod ${name}`, mirrored, POD_TIMEOUT_MS);
    return this.waitPod(name, hasRun);
  }

  /** Waits for what kubelet says about a pod. */
  async waitPod(name: string, accept: (pod: Pod) => boolean, namespace = "default"): Promise<Pod> {
    let pod = await this.#api.pod(namespace, name);
    const accepted = async () => {
      if (accept(pod)) return true;
      await Bun.sleep(POLL_MS);
      pod = await this.#api.pod(namespace, name);
      return false;
    };
    await until(`pod ${namespace}/${name} as wanted`, accepted, POD_TIMEOUT_MS).catch((error) => {
      throw new Error(`${error.message}: ${JSON.stringify(pod.status)}`);
    });
    return pod;
  }

  /** Removes a pod and waits until it is gone. */
  async removePod(name: string, namespace = "default"): Promise<void> {
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
    await this.#api.request("DELETE", path);
    const gone = async () => (await this.#api.pod(namespace, name).catch(() => null)) === null;
    await until(`pod ${namespace}/${name} is gone`, gone, POD_TIMEOUT_MS);
  }

  /** The cgroup of a pod's container, or of the pod itself. */
  cgroupOf(pod: Pod, container?: string): string {
    const qos = pod.status.qosClass === "Guaranteed" ? "" : `/${pod.status.qosClass?.toLowerCase()}`;
    const uid = pod.metadata.annotations?.["kubernetes.io/config.mirror"] ?? pod.metadata.uid;
    const own = `${this.kubepods}${qos}/pod${uid}`;
    return container === undefined ? own : `${own}/${containerId(pod, container)}`;
  }

  /** Lets containers that wait for it go on, and those that are started again before `untrigger()`. */
  trigger(name: string): void {
    writeFileSync(join(this.#triggers, name), "");
  }

  untrigger(name: string): void {
    rmSync(join(this.#triggers, name), { force: true });
  }

  /** Ends everything and removes what it caused. Throws when something cannot be removed. */
  async stop(): Promise<void> {
    await this.stopKubelet();
    await this.#runtime?.stop();
    await until(`cgroups of ${this.name} empty`, () => this.#cgroups.remove());
    rmSync(this.directory, { recursive: true });
  }

  async #start(): Promise<void> {
    mkdirSync(this.#triggers);
    mkdirSync(this.#manifests);
    // kubelet wants it to be there, in every hierarchy.
    this.#cgroups.note(this.cgroupRoot);
    for (const hierarchy of hierarchies()) mkdirSync(join(hierarchy, this.cgroupRoot), { recursive: true });
    this.#runtime = await this.#startRuntime(this.directory);
    this.#argv = [
      ...this.#runtime.enter,
      ...kubeletArgv({
        program: join(kubernetesFolder() ?? "", "kubelet"),
        directory: this.directory,
        nodeName: this.name,
        kubeconfig: this.#api.kubeconfig(`kubelet-${this.name}`, this.#api.nodeUser(this.name)),
        runtime: this.#runtime.flags,
        cgroupRoot: this.cgroupRoot,
        serving: this.#api.authority.issue({ commonName: this.name, server: true }),
        manifests: this.#manifests,
        settings: this.#settings,
      }),
    ];
    this.startKubelet();
    // Meanwhile: before anything else, kubelet's cAdvisor looks for Docker, for 5 s.
    const archive = join(this.directory, "images.tar");
    writeImages(archive);
    await this.#runtime.importImages(archive);
    await this.ready();
  }

  get #running(): NodeRuntime {
    if (this.#runtime === null) throw new Error(`${this.name} is not started`);
    return this.#runtime;
  }

  async #isReady(): Promise<boolean> {
    type Node = { status: { conditions?: readonly { type: string; status: string }[] } };
    const node = await this.#api.request<Node>("GET", `/api/v1/nodes/${this.name}`).catch(() => null);
    return (
      node?.status.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false
    );
  }
}

function hasRun({ status }: Pod): boolean {
  return status.containerStatuses?.every(({ state }) => state?.running ?? state?.terminated) ?? false;
}

/** The id of a container's present run; of the last one when it waits to be started again. */
export function containerId(pod: Pod, container: string): string {
  const status: ContainerStatus | undefined = pod.status.containerStatuses?.find(
    ({ name }) => name === container,
  );
  const id = status?.containerID ?? status?.lastState?.terminated?.containerID;
  if (id === undefined) throw new Error(`no container ${container} in ${pod.metadata.name} yet`);
  return id.slice(id.indexOf("://") + 3);
}
