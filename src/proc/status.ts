import { FieldParser } from "./field-parser.ts";

/** What /proc/PID/status tells about memory and rights. Sizes in bytes. */
export interface Status {
  /** As the process set it; may hold anything but a NUL. */
  readonly comm: string;
  readonly parentPid: number;
  readonly rssBytes: number;
  readonly swapBytes: number;
  readonly pageTableBytes: number;
  /** CAP_SYS_ADMIN in the effective set. */
  readonly admin: boolean;
  /** Whether there is memory to speak of; a kernel thread, a zombie and a thread that is exiting have none. */
  readonly hasMemory: boolean;
}

const parser = new FieldParser(["PPid", "VmRSS", "VmSwap", "VmPTE", "VmPMD"]);
const values = new Float64Array(5);
const decoder = new TextDecoder();
const NAME_START = "Name:\t".length;
const NEWLINE = 10;
// CAP_SYS_ADMIN is bit 21 (include/uapi/linux/capability.h).
const CAP_SYS_ADMIN_BIT = 21n;

const orZero = (value: number) => (Number.isNaN(value) ? 0 : value);

/** Parses /proc/PID/status (Documentation/filesystems/proc.rst). Its first line is always `Name:`. */
export function parseStatus(text: Uint8Array, length: number): Status {
  parser.parse(text, length, values);
  const nameEnd = text.indexOf(NEWLINE);
  const capEff = /^CapEff:\s*([0-9a-f]+)/m.exec(decoder.decode(text.subarray(0, length)))?.[1] ?? "0";
  return {
    comm: rawName(decoder.decode(text.subarray(NAME_START, Math.max(nameEnd, NAME_START)))),
    parentPid: orZero(values[0]!),
    rssBytes: orZero(values[1]!) * 1024,
    swapBytes: orZero(values[2]!) * 1024,
    // Linux 4.0 to 4.14 list page middle directories apart; older kernels do not count them, newer ones sum them up.
    pageTableBytes: (orZero(values[3]!) + orZero(values[4]!)) * 1024,
    admin: (BigInt(`0x${capEff}`) >> CAP_SYS_ADMIN_BIT) % 2n === 1n,
    hasMemory: !Number.isNaN(values[1]),
  };
}

/** The kernel writes a newline in the name as \n and a backslash as \\ (proc_task_name(), fs/proc/array.c). */
function rawName(name: string): string {
  return name.includes("\\")
    ? name.replace(/\\(n|\\)/g, (_, kind: string) => (kind === "n" ? "\n" : "\\"))
    : name;
}
