import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CgroupDirs } from "../cgroup-dirs.ts";
import { TestContainerd } from "../containerd.ts";
import { Daemon } from "../daemon.ts";
import { until } from "../until.ts";
import { IMAGE, writeImages } from "./image.ts";
import { MountNamespace } from "./mount-namespace.ts";

export interface DockerRequest {
  readonly name: string;
  readonly args: readonly string[];
  readonly memoryBytes?: number;
  /** The daemon's unless given. Has to be below `cgroupRoot`. */
  readonly cgroupParent?: string;
}

const RUNTIME = "runc-anywhere";

/** A dockerd and its containerd, all their cgroups below one of the test's own. */
export class TestDocker {
  readonly directory = mkdtempSync(join(tmpdir(), "oom-guard-docker-"));
  readonly cgroupRoot = `/oom-guard-docker-${process.pid}`;
  /** The cgroup that containers are in, by their ids. */
  readonly cgroupParent = `${this.cgroupRoot}/docker`;
  readonly #cgroups = new CgroupDirs();
  #namespace: MountNamespace | null = null;
  #containerd: TestContainerd | null = null;
  #dockerd: Daemon | null = null;

  private constructor() {
    this.#cgroups.note(this.cgroupRoot);
  }

  /** Starts one and waits until it has the image. */
  static async start(): Promise<TestDocker> {
    const docker = new TestDocker();
    try {
      docker.#namespace = await MountNamespace.create(docker.directory);
      docker.#containerd = await TestContainerd.start({ enter: docker.#namespace.enter });
      await docker.startDaemon();
      const archive = join(docker.directory, "images.tar");
      writeImages(archive);
      await docker.docker(["load", "--quiet", "--input", archive]);
    } catch (error) {
      await docker.stop();
      throw error;
    }
    return docker;
  }

  /** Its containerd, where containers are in the namespace `moby`. */
  get containerd(): TestContainerd {
    if (this.#containerd === null) throw new Error("Docker is not started");
    return this.#containerd;
  }

  /** Where dockerd listens. */
  get host(): string {
    return `unix://${join(this.directory, "docker.sock")}`;
  }

  /** Put before a command line, starts it where the containers' mounts are. */
  get enter(): readonly string[] {
    return this.#namespace?.enter ?? [];
  }

  /** Starts dockerd, again after `crash()`. */
  async startDaemon(): Promise<void> {
    const { directory } = this;
    const flags = {
      host: this.host,
      containerd: this.containerd.socket,
      "data-root": join(directory, "data"),
      "exec-root": join(directory, "exec"),
      pidfile: join(directory, "dockerd.pid"),
      "cgroup-parent": this.cgroupParent,
      "exec-opt": "native.cgroupdriver=cgroupfs",
      "storage-driver": "vfs",
      // Containers run on, as they do on nodes.
      "live-restore": true,
      "oom-score-adjust": 0,
      bridge: "none",
      iptables: false,
      ip6tables: false,
      "ip-forward": false,
      "userland-proxy": false,
      "add-runtime": `${RUNTIME}=${join(import.meta.dir, RUNTIME)}`,
      "default-runtime": RUNTIME,
    };
    const argv = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
    const log = join(directory, "dockerd.log");
    this.#dockerd = new Daemon([...this.enter, "dockerd", ...argv], log);
    const answers = () => this.docker(["version"]).then(Boolean, () => false);
    await this.#dockerd.ready(answers);
  }

  /** SIGKILLs dockerd; its containers run on. */
  async crash(): Promise<void> {
    await this.#dockerd?.end();
    this.#dockerd = null;
  }

  /** Runs a container in the background. @returns its id */
  async run({ name, args, memoryBytes, cgroupParent }: DockerRequest): Promise<string> {
    const limit = memoryBytes === undefined ? [] : ["--memory", String(memoryBytes)];
    const parent = cgroupParent === undefined ? [] : ["--cgroup-parent", cgroupParent];
    const how = ["--detach", "--name", name, "--network", "host", "--pull", "never"];
    return (await this.docker(["run", ...how, ...limit, ...parent, IMAGE, ...args])).trim();
  }

  /** Runs the command line client. Throws with its error text when it fails. */
  async docker(args: readonly string[]): Promise<string> {
    const client = ["docker", "--config", join(this.directory, "client"), "--host", this.host];
    const child = Bun.spawn([...client, ...args], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    const [stdout, stderr, code] = await Promise.all([
      child.stdout.text(),
      child.stderr.text(),
      child.exited,
    ]);
    if (code !== 0) throw new Error(`docker ${args.join(" ")}: ${stderr.trim()}`);
    return stdout;
  }

  /** Ends everything and removes what it caused. Throws when something cannot be removed. */
  async stop(): Promise<void> {
    await this.crash();
    await this.#containerd?.stop();
    await this.#namespace?.stop();
    await until("cgroups of Docker empty", () => this.#cgroups.remove());
    rmSync(this.directory, { recursive: true });
  }
}
