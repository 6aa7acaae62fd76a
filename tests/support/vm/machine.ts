import { existsSync, readFileSync, rmSync } from "node:fs";
import { until } from "../until.ts";

/** What a virtual machine is started with. */
export interface MachineOptions {
  /** The folder that tests/components/build-vm printed. */
  readonly image: string;
  /** A file system for /payload in the machine, read-only. */
  readonly payload: string;
  /** A folder of its own for sockets and the console's log. */
  readonly folder: string;
  readonly cgroupVersion: 1 | 2;
  /** For the kernel, beside what every machine needs. */
  readonly kernelArguments?: string;
}

/** What a command inside came to. */
export interface Outcome {
  /** 124: its time was up. */
  readonly status: number;
  /** Standard output and standard error. */
  readonly output: string;
}

// 11 s on an idle machine with two cores, a minute for a reboot.
const BOOT_MS = 180_000;
const GRACE_MS = 30_000;

const HIERARCHY = {
  1: "systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller=1",
  2: "systemd.unified_cgroup_hierarchy=1",
};

/**
 * A Debian machine with real systemd, emulated by qemu (TCG: no acceleration needed, or trusted). What it writes to its
 * disk outlives a reboot and is gone when it is switched off. Commands go in through a virtio port, one after the other.
 */
export class Machine {
  readonly #qemu: Bun.Subprocess;
  readonly #folder: string;
  #socket: Bun.Socket | null = null;
  /** Ids of the boots that have greeted. */
  readonly #boots = new Set<string>();
  #serial = 0;
  readonly #waiting = new Map<string, PromiseWithResolvers<Outcome>>();

  private constructor(qemu: Bun.Subprocess, folder: string) {
    this.#qemu = qemu;
    this.#folder = folder;
  }

  /** Switches one on and waits until it takes commands. @throws with the end of its console when it does not */
  static async boot(options: MachineOptions): Promise<Machine> {
    const { image, payload, folder, cgroupVersion, kernelArguments } = options;
    rmSync(`${folder}/agent.sock`, { force: true });
    const disk = (id: string, file: string, mode: string) => [
      "-drive",
      `file=${file},if=none,id=${id},format=raw,${mode}`,
      "-device",
      `nvme,drive=${id},serial=${id}`,
    ];
    const qemu = Bun.spawn(
      [
        "qemu-system-x86_64",
        ...["-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "3000"],
        ...["-nodefaults", "-display", "none", "-serial", `file:${folder}/console.log`],
        ...["-kernel", `${image}/vmlinuz`],
        "-append",
        `root=/dev/nvme0n1 rw console=ttyS0 panic=-1 quiet ${HIERARCHY[cgroupVersion]} ${kernelArguments ?? ""}`,
        ...disk("root", `${image}/root.ext4`, "snapshot=on"),
        ...disk("payload", payload, "readonly=on"),
        ...["-device", "virtio-serial", "-device", "virtserialport,chardev=agent,name=agent"],
        ...["-chardev", `socket,id=agent,path=${folder}/agent.sock,server=on,wait=off`],
      ],
      { stdio: ["ignore", Bun.file(`${folder}/qemu.log`), Bun.file(`${folder}/qemu.log`)] },
    );
    const machine = new Machine(qemu, folder);
    try {
      await until(
        "qemu listens",
        () => existsSync(`${folder}/agent.sock`) || qemu.exitCode !== null,
        GRACE_MS,
      );
      await machine.#connect();
      await machine.#greeted(1);
    } catch (error) {
      await machine.switchOff();
      throw error;
    }
    return machine;
  }

  get pid(): number {
    return this.#qemu.pid;
  }

  /** Everything that came over the console so far. */
  get console(): string {
    return ["qemu.log", "console.log"]
      .map((name) => `${this.#folder}/${name}`)
      .map((file) => (existsSync(file) ? readFileSync(file, "utf8") : ""))
      .join("");
  }

  /** Runs a bash script inside, as root, and waits for its end; it is killed after the given time. */
  async run(script: string, limitMs = 60_000): Promise<Outcome> {
    const id = String(++this.#serial);
    const answer = Promise.withResolvers<Outcome>();
    this.#waiting.set(id, answer);
    const seconds = Math.ceil(limitMs / 1000);
    this.#socket?.write(`${id} ${seconds} ${Buffer.from(script).toString("base64")}\n`);
    const timer = setTimeout(() => {
      answer.reject(new Error(`the machine does not answer; ${this.#lastWords()}`));
    }, limitMs + GRACE_MS);
    try {
      return await answer.promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  /** Boots it anew, on the same disk, and waits until it takes commands again. */
  async reboot(): Promise<void> {
    const boots = this.#boots.size;
    await this.run("systemctl reboot --no-block");
    await this.#greeted(boots + 1);
  }

  /** Pulls the plug. */
  async switchOff(): Promise<void> {
    this.#socket?.end();
    this.#qemu.kill("SIGKILL");
    await this.#qemu.exited;
  }

  async #connect(): Promise<void> {
    let rest = "";
    this.#socket = await Bun.connect({
      unix: `${this.#folder}/agent.sock`,
      socket: {
        data: (_, chunk) => {
          const lines = (rest + chunk.toString("latin1")).split("\n");
          rest = lines.pop() ?? "";
          for (const line of lines) this.#heard(line);
        },
      },
    });
  }

  #heard(line: string): void {
    const [id = "", status = "", output = ""] = line.split(" ");
    if (id === "hello") this.#hasBooted(status);
    else
      this.#waiting
        .get(id)
        ?.resolve({ status: Number(status), output: Buffer.from(output, "base64").toString() });
  }

  /** What was running when the machine went down is never answered. */
  #hasBooted(boot: string): void {
    this.#boots.add(boot);
    for (const { reject } of this.#waiting.values())
      reject(new Error(`the machine went down by itself, and came up again; ${this.#lastWords()}`));
  }

  /** What the console says of a kernel that gave up, and else its end. */
  #lastWords(): string {
    const { console } = this;
    const trouble = console.search(/\b(?:BUG|Oops|Kernel panic|soft lockup|blocked for more than)\b/);
    return trouble === -1
      ? `its console ends: ${console.slice(-2000)}`
      : `its console says: ${console.slice(trouble, trouble + 4000)}`;
  }

  async #greeted(count: number): Promise<void> {
    const isUp = () => this.#boots.size >= count;
    await until("the machine is up", () => isUp() || this.#qemu.exitCode !== null, BOOT_MS).catch(
      () => undefined,
    );
    if (!isUp()) throw new Error(`the machine does not come up; ${this.#lastWords()}`);
  }
}
