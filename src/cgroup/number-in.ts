import { close, openReadAt, readFromStart } from "../../ffi/file.ts";
import { NativeBuffer } from "../../ffi/native-buffer.ts";
import { decimalAt } from "../proc/field-parser.ts";

const text = new NativeBuffer(64);
const M = 109;

/**
 * The one number in a control file of an open cgroup; Infinity where it says "max".
 * @returns NaN where the kernel has no such file
 */
export function numberIn(directoryFd: number, file: NativeBuffer): number {
  const fd = openReadAt(directoryFd, file);
  if (fd < 0) return Number.NaN;
  const value = numberAt(fd);
  close(fd);
  return value < 0 ? Number.NaN : value;
}

/** The one number in an open control file, -errno where it cannot be read. */
export function numberAt(fd: number): number {
  const length = readFromStart(fd, text);
  if (length < 0) return length;
  return text.bytes[0] === M ? Number.POSITIVE_INFINITY : decimalAt(text.bytes, 0, length);
}

/** What is counted nowhere is nothing. */
export const orZero = (value: number) => (Number.isNaN(value) ? 0 : value);
