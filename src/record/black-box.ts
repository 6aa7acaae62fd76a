import { closeSync, mkdirSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { writeAt } from "../../ffi/file.ts";
import { NativeBuffer } from "../../ffi/native-buffer.ts";
import type { Incident } from "./incident.ts";

/** Where the black box is: tmpfs on every systemd node, so writing to it never waits for a disk. */
export const VOLATILE_DIR = "/run/oom-guard";

// A slot: magic, state, length and CRC-32 of the text (u32 each, little endian), then the incident as JSON.
const MAGIC = 0x4f474242;
const HEADER = 16;
const SLOT_BYTES = 16 * 1024;
const SLOTS = 128;

/** intent: written just before the first SIGKILL. done: all is known. */
export type SlotState = "intent" | "done";
const stateNumber: Record<SlotState, number> = { intent: 1, done: 2 };

const encoder = new TextEncoder();
// One for all: rehearsals go through the memory that a kill will, and leave nothing of this size behind.
const draft = new NativeBuffer(SLOT_BYTES);
const draftText = draft.bytes.subarray(HEADER);

/**
 * The sentinel's side: writes each incident into the next of a ring of fixed-size slots before anything else happens to
 * it, with one pwrite. The file lies on tmpfs (/run), so no disk can stand between a notification and a SIGKILL;
 * it outlives the process, not the machine.
 */
export class BlackBoxWriter {
  readonly #fd: number;
  #next: number;

  /**
   * @param fd the open file, or -1: nothing is written
   * @param first the slot to begin with
   */
  constructor(fd: number, first = 0) {
    this.#fd = fd;
    this.#next = first % SLOTS;
  }

  /** Claims a slot for one incident. */
  claim(): number {
    const slot = this.#next;
    this.#next = (this.#next + 1) % SLOTS;
    return slot;
  }

  /** Takes back an intent that came to nothing. */
  discard(slot: number): void {
    if (this.#fd < 0) return;
    draft.view.setUint32(0, 0, true);
    writeAt(this.#fd, draft, 4, slot * SLOT_BYTES);
  }

  /** Writes an incident that is about to happen; `text` is its JSON. One that does not fit is not written. */
  writeIntent(slot: number, text: string): void {
    if (this.#fd < 0) return;
    this.#write(slot, "intent", encodeWhole(text, draftText));
  }

  /** Writes one that does not happen behind the last slot, where nobody looks. */
  rehearseIntent(text: string): void {
    this.writeIntent(SLOTS, text);
  }

  /** Writes the incident into its slot. A record too long for it loses the tail of its victims, then of its names. */
  write(slot: number, incident: Incident): void {
    if (this.#fd < 0) return;
    const shorter = () => ({ ...incident, victims: incident.victims.slice(0, 1) });
    const written =
      encodeWhole(JSON.stringify(incident), draftText) ||
      encodeWhole(JSON.stringify(shorter()), draftText) ||
      encodeWhole(JSON.stringify(shorter(), cutNames), draftText);
    this.#write(slot, "done", written);
  }

  #write(slot: number, state: SlotState, written: number): void {
    const { view, bytes } = draft;
    view.setUint32(0, MAGIC, true);
    view.setUint32(4, stateNumber[state], true);
    view.setUint32(8, written, true);
    view.setUint32(12, Bun.hash.crc32(bytes.subarray(HEADER, HEADER + written)), true);
    writeAt(this.#fd, draft, HEADER + written, slot * SLOT_BYTES);
  }
}

/** Encodes all of the text. @returns how many bytes it took; 0: it does not fit */
function encodeWhole(text: string, room: Uint8Array): number {
  const { read, written } = encoder.encodeInto(text, room);
  return read < text.length ? 0 : written;
}

// A cgroup path may have 4096 characters, each of which JSON may write as six. The dozen texts of an incident fit so.
const cutNames = (_: string, value: unknown) => (typeof value === "string" ? value.slice(0, 200) : value);

/** An incident found after a crash. */
export interface Recovered {
  readonly slot: number;
  readonly state: SlotState;
  readonly incident: unknown;
}

/** The main thread's side: finds what an earlier process could not store any more, and clears what is stored. */
export class BlackBox {
  readonly fd: number;
  readonly #path: string;

  private constructor(fd: number, path: string) {
    this.fd = fd;
    this.#path = path;
  }

  /** Opens or makes the file. @throws what node:fs throws */
  static open(directory: string, name: string): BlackBox {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    // Read and write, made when absent, never truncated.
    const O_RDWR_CREAT_CLOEXEC = 0o2 | 0o100 | 0o2000000;
    const path = `${directory}/${name}`;
    return new BlackBox(openSync(path, O_RDWR_CREAT_CLOEXEC, 0o600), path);
  }

  /** Every whole record in the file; torn or foreign ones are left out. */
  recover(): Recovered[] {
    const found: Recovered[] = [];
    const bytes = new Uint8Array(SLOT_BYTES);
    for (let slot = 0; slot < SLOTS; slot++) {
      const count = readSync(this.fd, bytes, 0, SLOT_BYTES, slot * SLOT_BYTES);
      const record = count > HEADER ? parseSlot(bytes.subarray(0, count)) : null;
      if (record !== null) found.push({ slot, ...record });
    }
    return found;
  }

  /** Forgets the incident in a slot once it is stored. */
  clear(slot: number): void {
    writeSync(this.fd, new Uint8Array(4), 0, 4, slot * SLOT_BYTES);
  }

  /** Forgets everything else. */
  clearAllBut(kept: ReadonlySet<number>): void {
    for (let slot = 0; slot < SLOTS; slot++) if (!kept.has(slot)) this.clear(slot);
  }

  close(): void {
    closeSync(this.fd);
  }

  /** Closes it for good: nothing in it is needed any more. */
  remove(): void {
    this.close();
    rmSync(this.#path, { force: true });
  }
}

function parseSlot(bytes: Uint8Array): Omit<Recovered, "slot"> | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(8, true);
  if (view.getUint32(0, true) !== MAGIC || HEADER + length > bytes.length) return null;
  const text = bytes.subarray(HEADER, HEADER + length);
  if (Bun.hash.crc32(text) !== view.getUint32(12, true)) return null;
  const state = view.getUint32(4, true) === stateNumber.done ? "done" : "intent";
  try {
    return { state, incident: JSON.parse(new TextDecoder().decode(text)) };
  } catch {
    return null;
  }
}
