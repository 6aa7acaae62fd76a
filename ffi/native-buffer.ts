import { type Pointer, ptr } from "bun:ffi";

/**
 * Memory whose address the kernel may be given again and again.
 * Built on an ArrayBuffer of its own: JavaScriptCore moves the storage of a small typed array when its `.buffer`
 * is first touched, which would leave a stored address dangling.
 */
export class NativeBuffer {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
  readonly address: Pointer;

  constructor(size: number) {
    const storage = new ArrayBuffer(size);
    this.bytes = new Uint8Array(storage);
    this.view = new DataView(storage);
    this.address = ptr(this.bytes);
  }
}

const encoder = new TextEncoder();
// PATH_MAX; what is longer gets a buffer of its own.
const brief = new NativeBuffer(4096);

/** A path (or any text) as the C library wants it: UTF-8 and a final NUL. @throws if it holds a NUL itself. */
export function cString(text: string): NativeBuffer {
  const encoded = encoder.encode(text);
  if (encoded.includes(0)) throw new Error("a path cannot hold a NUL byte");
  const buffer = new NativeBuffer(encoded.length + 1);
  buffer.bytes.set(encoded);
  return buffer;
}

/** What `cString` was made of. */
export function textOf({ bytes }: NativeBuffer): string {
  return new TextDecoder().decode(bytes.subarray(0, -1));
}

/**
 * The same for a call that is over when the next text is made: each of its own buffers takes 400 bytes that somebody has to
 * collect, and arming a cgroup needs a dozen.
 */
export function briefly(text: string): { readonly address: Pointer; readonly lengthBytes: number } {
  const { read, written } = encoder.encodeInto(text, brief.bytes);
  if (read === text.length && written < brief.bytes.length) {
    brief.bytes[written] = 0;
    if (brief.bytes.indexOf(0) === written) return { address: brief.address, lengthBytes: written };
  }
  const { address, bytes } = cString(text);
  return { address, lengthBytes: bytes.length - 1 };
}
