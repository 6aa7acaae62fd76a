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
  const length = readFromStart(fd, text);
  close(fd);
  if (length <= 0) return Number.NaN;
  return text.bytes[0] === M ? Number.POSITIVE_INFINITY : decimalAt(text.bytes, 0, length);
}
