import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CgroupDirs } from "./cgroup-dirs.ts";
import { Daemon } from "./daemon.ts";
import { alive, argvOf, childrenOf, findProcesses, signal } from "./processes.ts";
import { makeRootfs } from "./rootfs.ts";
import { until } from "./until.ts";

export interface ContainerOptions {
  readonly id: string;
  /** Relative to the mount. Removed, with the parents it brought, by `stop()`. */
  readonly cgroup: string;
  /** systemd makes the cgroup, a scope, and removes it: `SLICE:PREFIX:NAME`, as runc wants it. */
  readonly scope?: string;
  readonly memoryLimitBytes?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly args: readonly string[];
  /** containerd's; `k8s.io` unless given. */
  readonly namespace?: string;
}

export interface ContainerdOptions {
  /** TOML: what the tables of the CRI plugin say. Without, the plugin is off. */
  readonly cri?: string;
  /** Put before its command line: what starts it in other namespaces. */
  readonly enter?: readonly string[];
}

/** The labels that containerd's CRI plugin puts on a container, or on a sandbox (no container name). */
export function kubernetesLabels(pod: {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly container?: string;
}): Record<string, string> {
  return {
    "io.kubernetes.pod.namespace": pod.namespace,
    "io.kubernetes.pod.name": pod.name,
    "io.kubernetes.pod.uid": pod.uid,
    "io.cri-containerd.kind": pod.container === undefined ? "sandbox" : "container",
    ...(pod.container === undefined ? {} : { "io.kubernetes.container.name": pod.container }),
  };
}

/** A containerd of one's own: private root, state, socket and runc root, all below one temporary directory. */
export class TestContainerd {
  readonly directory: string;
  readonly socket: string;
  /** A busybox tree that all its containers run on. */
  readonly rootfs: string;
  readonly #cgroups = new CgroupDirs();
  readonly #enter: readonly string[];
  #daemon: Daemon | null = null;

  private constructor({ cri, enter = [] }: ContainerdOptions = {}) {
    this.#enter = enter;
    this.directory = mkdtempSync(join(tmpdir(), "oom-guard-containerd-"));
    this.socket = join(this.directory, "containerd.sock");
    this.rootfs = makeRootfs(join(this.directory, "rootfs"));
    writeFileSync(join(this.directory, "config.toml"), config(this.directory, this.socket, cri));
  }

  /** Starts one and waits until it answers. */
  static async start(options?: ContainerdOptions): Promise<TestContainerd> {
    const containerd = new TestContainerd(options);
    await containerd.startDaemon();
    return containerd;
  }

  /** Its directory and configuration without a running daemon: the socket does not exist yet. */
  static prepare(): TestContainerd {
    return new TestContainerd();
  }

  /** Starts the daemon, for the first time or again after `crash()`. Containers survive in between. */
  async startDaemon(): Promise<void> {
    const argv = [...this.#enter, "containerd", "-c", join(this.directory, "config.toml")];
    this.#daemon = new Daemon(argv, join(this.directory, "containerd.log"));
    await this.#daemon.ready(async () => (await this.#try(["version"])).ok);
  }

  /** Stops the daemon with SIGSTOP: its socket still accepts, and nothing answers. */
  async freeze(): Promise<void> {
    await this.#daemon?.freeze();
  }

  /** Lets a stopped daemon go on. */
  thaw(): void {
    this.#daemon?.thaw();
  }

  /** Ends the daemon; its containers run on. */
  async crash(how?: "SIGKILL" | "SIGTERM"): Promise<void> {
    await this.#daemon?.end(how);
    this.#daemon = null;
  }

  /** Runs a container in the background and resolves with the pid of its first process when it is started. */
  async runContainer(options: ContainerOptions): Promise<number> {
    const { id, cgroup, scope, memoryLimitBytes, labels = {}, args, namespace = "k8s.io" } = options;
    if (scope === undefined) this.#cgroups.note(cgroup);
    const limit = memoryLimitBytes === undefined ? [] : ["--memory-limit", String(memoryLimitBytes)];
    const labelled = Object.entries(labels).flatMap(([key, value]) => ["--label", `${key}=${value}`]);
    const runc = ["--runc-root", join(this.directory, "runc")];
    const how = [
      "run",
      "-d",
      "--null-io",
      "--rootfs",
      "--snapshotter",
      "native",
      "--env",
      "PATH=/bin",
      ...(scope === undefined ? ["--cgroup", cgroup] : ["--runc-systemd-cgroup", "--cgroup", scope]),
    ];
    await this.ctr([...how, ...limit, ...labelled, ...runc, this.rootfs, id, ...args], namespace);
    return this.pidOf(id, namespace);
  }

  /** The pid of a container's first process. */
  async pidOf(id: string, namespace = "k8s.io"): Promise<number> {
    const rows = (await this.ctr(["tasks", "ls"], namespace))
      .split("\n")
      .map((row) => row.trim().split(/\s+/));
    const pid = Number(rows.find((row) => row[0] === id)?.[1]);
    if (!Number.isSafeInteger(pid)) throw new Error(`no task ${id} in ${namespace}`);
    return pid;
  }

  /** The pid of the shim that keeps a container. */
  shimOf(id: string): number {
    const [pid] = this.#shims().filter((shim) => argvOf(shim).includes(id));
    if (pid === undefined) throw new Error(`no shim for ${id}`);
    return pid;
  }

  /** Kills a container's task and removes task and container. */
  async removeContainer(id: string, namespace = "k8s.io"): Promise<void> {
    await this.removeTask(id, namespace);
    await this.ctr(["containers", "rm", id], namespace);
  }

  /** Kills and removes the task only: the container stays known, without a process. */
  async removeTask(id: string, namespace = "k8s.io"): Promise<void> {
    // Exits with the task's own code, 137; what counts is that it is gone.
    await this.#try(["tasks", "rm", "-f", id], namespace);
    await until(
      `task ${id} removed`,
      async () => !(await this.ctr(["tasks", "ls", "-q"], namespace)).split("\n").includes(id),
    );
  }

  /** Runs `ctr` on this containerd. Throws with its error text when it fails. */
  async ctr(args: readonly string[], namespace = "k8s.io"): Promise<string> {
    const result = await this.#try(args, namespace);
    if (!result.ok) throw new Error(`ctr ${args.slice(0, 2).join(" ")}: ${result.stderr.trim()}`);
    return result.stdout;
  }

  /**
   * Ends everything it caused: daemon, shims, containers, mounts, cgroups, files. Also after a crash.
   * Throws when something cannot be removed, so that a test that leaks fails.
   */
  async stop(): Promise<void> {
    await this.crash();
    const shims = this.#shims();
    const containers = shims.flatMap(childrenOf);
    for (const pid of [...shims, ...containers]) signal(pid, "SIGKILL");
    await until("shims and containers gone", () => ![...shims, ...containers].some(alive));
    for (const socket of shimSockets(this.directory)) rmSync(socket, { force: true });
    for (const mount of mountsBelow(this.directory)) Bun.spawnSync(["umount", "-l", mount]);
    await until("cgroups empty", () => this.#cgroups.remove());
    rmSync(this.directory, { recursive: true });
  }

  /** Shims carry the socket's path in their command line; their children are containers' first processes. */
  #shims(): number[] {
    return findProcesses(
      (argv) => argv[0]?.includes("containerd-shim") === true && argv.includes(this.socket),
    );
  }

  async #try(args: readonly string[], namespace = "k8s.io") {
    const child = Bun.spawn(["ctr", "-a", this.socket, "-n", namespace, ...args], {
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    return { ok: code === 0, stdout, stderr };
  }
}

function config(directory: string, socket: string, cri: string | undefined): string {
  const snapshotters = ["aufs", "btrfs", "devmapper", "overlayfs", "zfs"].map(
    (name) => `io.containerd.snapshotter.v1.${name}`,
  );
  const disabled = cri === undefined ? ["io.containerd.grpc.v1.cri", ...snapshotters] : snapshotters;
  return `version = 2
root = ${JSON.stringify(join(directory, "root"))}
state = ${JSON.stringify(join(directory, "state"))}
disabled_plugins = ${JSON.stringify(disabled)}
[grpc]
  address = ${JSON.stringify(socket)}
${cri ?? ""}`;
}

/** Shims listen outside of any configured directory, and a killed one leaves its socket there. */
function shimSockets(directory: string): string[] {
  const bundles = join(directory, "state/io.containerd.runtime.v2.task");
  // From containerd 2 on it is bootstrap.json that says where; before, a file with nothing else in it.
  const files = new Bun.Glob("*/*/{address,bootstrap.json}").scanSync({
    cwd: bundles,
    absolute: true,
    throwErrorOnBrokenSymlink: false,
  });
  return [...files].flatMap((file) => /unix:\/\/([^"\s]+)/.exec(readFileSync(file, "utf8"))?.[1] ?? []);
}

function mountsBelow(directory: string): string[] {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((mount) => mount.startsWith(`${directory}/`));
  return mounts.reverse();
}
