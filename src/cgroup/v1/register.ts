import { EINVAL } from "../../../ffi/errno.ts";
import { createEventfd } from "../../../ffi/eventfd.ts";
import { close, openFile, writeControl, writeControlInPool } from "../../../ffi/file.ts";
import { SysError } from "../../../ffi/sys-error.ts";

/** In what unit this kernel takes thresholds; none: they do not work (`calibrate.ts`). */
export type ThresholdUnit = "bytes" | "pages" | "none";

/**
 * Asks for a notification: writes "<eventfd> <fd of the file> <argument>" to cgroup.event_control
 * (Documentation/admin-guide/cgroup-v1/memcg_test.rst). Each gets an eventfd of its own: before 5.6 the kernel
 * crashed when one eventfd served two thresholds (commit 7d36665a5886).
 * @returns the eventfd @throws SysError
 */
function register(directory: string, file: string, argument: string): number {
  const eventFd = createEventfd();
  let fileFd = -1;
  try {
    fileFd = openFile(`${directory}/${file}`, 0);
    writeControl(`${directory}/cgroup.event_control`, `${eventFd} ${fileFd} ${argument}`);
    return eventFd;
  } catch (error) {
    close(eventFd);
    throw error;
  } finally {
    if (fileFd >= 0) close(fileFd);
  }
}

/**
 * Notifies when usage crosses a size, upwards or downwards. Does not hold up the thread: the kernel waits for an RCU grace
 * period before it answers (__mem_cgroup_usage_register_event(), mm/memcontrol-v1.c), 14 to 44 ms on an idle machine; many
 * at once share one. @throws SysError
 */
export async function registerThresholdInPool(
  directory: string,
  bytes: number,
  unit: "bytes" | "pages",
): Promise<number> {
  const eventFd = createEventfd();
  let usageFd = -1;
  try {
    usageFd = openFile(`${directory}/memory.usage_in_bytes`, 0);
    const request = `${eventFd} ${usageFd} ${thresholdArgument(bytes, unit)}`;
    await writeControlInPool(`${directory}/cgroup.event_control`, request);
    return eventFd;
  } catch (error) {
    close(eventFd);
    throw error;
  } finally {
    if (usageFd >= 0) close(usageFd);
  }
}

// A kernel with the unit wrong divides what it is given by the page size (CentOS 7.3: 4096 on x86-64).
function thresholdArgument(bytes: number, unit: "bytes" | "pages"): string {
  const whole = BigInt(Math.floor(bytes));
  return String(unit === "pages" ? whole * 4096n : whole);
}

/** Notifies of memory pressure inside this cgroup; kernels before 4.13 take the level alone. @throws SysError */
export function registerPressure(directory: string, level: "low" | "medium"): number {
  try {
    return register(directory, "memory.pressure_level", `${level},local`);
  } catch (error) {
    if (!(error instanceof SysError) || error.errno !== EINVAL) throw error;
    return register(directory, "memory.pressure_level", level);
  }
}

/** Notifies when the cgroup is out of memory. @throws SysError */
export function registerOom(directory: string): number {
  return register(directory, "memory.oom_control", "");
}
