import { EINVAL } from "../../../ffi/errno.ts";
import { createEventfd } from "../../../ffi/eventfd.ts";
import { close, openFile, openForWriting, writeInPool, writeWhole } from "../../../ffi/file.ts";
import { SysError } from "../../../ffi/sys-error.ts";

/** In what unit this kernel takes thresholds; none: they do not work (`calibrate.ts`). */
export type ThresholdUnit = "bytes" | "pages" | "none";

/**
 * Where notifications about a cgroup are asked for: "<eventfd> <fd of the file> <argument>" is written to its
 * cgroup.event_control (Documentation/admin-guide/cgroup-v1/memcg_test.rst). Each gets an eventfd of its own: before 5.6 the
 * kernel crashed when one eventfd served two thresholds (commit 7d36665a5886). The files are opened when they are first
 * needed, and once.
 */
export class Register {
  readonly #control: string;
  readonly #directory: string;
  readonly #opened = new Map<string, number>();

  constructor(directory: string) {
    this.#directory = directory;
    this.#control = `${directory}/cgroup.event_control`;
  }

  /** Asks, and is answered at once. @returns the eventfd @throws SysError */
  ask(file: string, argument: string): number {
    const eventFd = createEventfd();
    try {
      writeWhole(this.#controlFd(), this.#control, this.#request(eventFd, file, argument));
      return eventFd;
    } catch (error) {
      close(eventFd);
      throw error;
    }
  }

  /** The same where the kernel takes its time, without holding up the thread. */
  async askInPool(file: string, argument: string): Promise<number> {
    const eventFd = createEventfd();
    try {
      await writeInPool(this.#controlFd(), this.#control, this.#request(eventFd, file, argument));
      return eventFd;
    } catch (error) {
      close(eventFd);
      throw error;
    }
  }

  /** Closes the files, when everything is answered. */
  close(): void {
    for (const fd of this.#opened.values()) close(fd);
    this.#opened.clear();
  }

  #controlFd(): number {
    return this.#keep(this.#control, openForWriting);
  }

  #request(eventFd: number, file: string, argument: string): string {
    const fileFd = this.#keep(`${this.#directory}/${file}`, (path) => openFile(path, 0));
    return `${eventFd} ${fileFd} ${argument}`;
  }

  #keep(path: string, open: (path: string) => number): number {
    const fd = this.#opened.get(path) ?? open(path);
    this.#opened.set(path, fd);
    return fd;
  }
}

/**
 * Notifies when usage crosses a size, upwards or downwards. The kernel waits for an RCU grace period before it answers
 * (__mem_cgroup_usage_register_event(), mm/memcontrol-v1.c), 14 to 44 ms on an idle machine. Those of many cgroups share
 * one, those of one cgroup wait for each other. @returns the eventfd @throws SysError
 */
export function registerThresholdInPool(
  register: Register,
  bytes: number,
  unit: "bytes" | "pages",
): Promise<number> {
  return register.askInPool("memory.usage_in_bytes", thresholdArgument(bytes, unit));
}

// A kernel with the unit wrong divides what it is given by the page size (CentOS 7.3: 4096 on x86-64).
function thresholdArgument(bytes: number, unit: "bytes" | "pages"): string {
  const whole = BigInt(Math.floor(bytes));
  return String(unit === "pages" ? whole * 4096n : whole);
}

/** Notifies of memory pressure inside this cgroup; kernels before 4.13 take the level alone. @throws SysError */
export function registerPressure(register: Register, level: "low" | "medium"): number {
  try {
    return register.ask("memory.pressure_level", `${level},local`);
  } catch (error) {
    if (!(error instanceof SysError) || error.errno !== EINVAL) throw error;
    return register.ask("memory.pressure_level", level);
  }
}

/** Notifies when the cgroup is out of memory. @throws SysError */
export function registerOom(register: Register): number {
  return register.ask("memory.oom_control", "");
}
