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

/** A path (or any text) as the C library wants it: UTF-8 and a final NUL. @throws if it holds a NUL itself. */
export function cString(text: string): NativeBuffer {
  const encoded = encoder.encode(text);
  if (encoded.includes(0)) throw new Error("a path cannot hold a NUL byte");
  const buffer = new NativeBuffer(encoded.length + 1);
  buffer.bytes.set(encoded);
  return buffer;
}
