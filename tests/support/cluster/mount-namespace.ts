import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { signal } from "../processes.ts";

/** Daemons write here wherever their configuration points. */
const WRITTEN_TO = ["/run", "/var/log", "/etc/docker"];

/** What kubelet sets, for the whole machine: it gets to set copies. */
const SET_BY_KUBELET = [
  "vm/overcommit_memory",
  "vm/panic_on_oom",
  "kernel/panic",
  "kernel/panic_on_oops",
  "kernel/keys/root_maxkeys",
  "kernel/keys/root_maxbytes",
].map((name) => `/proc/sys/${name}`);

/**
 * A mount namespace for daemons of a test: what they mount, and what they write outside of their directories, is
 * nobody else's, and is gone when the last of them ends, however it ends. It sees all else of the machine.
 */
export class MountNamespace {
  /** Put before a command line, starts it inside. */
  readonly enter: readonly string[];
  readonly #keeper: Bun.Subprocess;

  private constructor(keeper: Bun.Subprocess) {
    this.#keeper = keeper;
    this.enter = ["nsenter", `--mount=/proc/${keeper.pid}/ns/mnt`, "--"];
  }

  /** @param directory where the copies of the kernel's settings are put */
  static async create(directory: string): Promise<MountNamespace> {
    const copies = join(directory, "sys");
    mkdirSync(copies, { recursive: true });
    const mounts = WRITTEN_TO.map((path) => `if [ -d ${path} ]; then mount -t tmpfs tmpfs ${path}; fi`);
    for (const setting of SET_BY_KUBELET) {
      const copy = join(copies, setting.replaceAll("/", "-"));
      writeFileSync(copy, readFileSync(setting));
      mounts.push(`mount --bind '${copy}' ${setting}`);
    }
    const script = ["set -e", ...mounts, "echo ready", "exec sleep infinity"].join("\n");
    const keeper = Bun.spawn(["unshare", "--mount", "--propagation", "private", "sh", "-c", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const { done } = await keeper.stdout.getReader().read();
    if (done) throw new Error(`no mount namespace (exit code ${await keeper.exited})`);
    return new MountNamespace(keeper);
  }

  /** Lets go of it. */
  async stop(): Promise<void> {
    signal(this.#keeper.pid, "SIGKILL");
    await this.#keeper.exited;
  }
}
