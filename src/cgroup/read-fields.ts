import { close, readFromStart } from "../../ffi/file.ts";
import { NativeBuffer } from "../../ffi/native-buffer.ts";
import type { FieldParser } from "../proc/field-parser.ts";

// memory.stat has 1.5 to 4 KB.
const text = new NativeBuffer(16 * 1024);

/** Fills `values` with the fields of an open control file. @returns 0, or -errno */
export function readFields(fd: number, fields: FieldParser, values: Float64Array): number {
  const length = readFromStart(fd, text);
  if (length < 0) return length;
  fields.parse(text.bytes, length, values);
  return 0;
}

/** The same of one that was opened just for that, and closes it. @param fd or -errno */
export function readFieldsOnce(fd: number, fields: FieldParser, values: Float64Array): number {
  if (fd < 0) return fd;
  const result = readFields(fd, fields, values);
  close(fd);
  return result;
}
