import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { close } from "../../../ffi/file.ts";
import { sealedFile, unlinkedFile } from "../../../ffi/sealed-file.ts";
import { UnixDatagram } from "../../../ffi/unix-datagram.ts";
import { DatagramReceiver } from "../../support/datagram-receiver.ts";

const ENOENT = 2;
// F_SEAL_SEAL, _SHRINK, _GROW and _WRITE.
const ALL_SEALS = 15;

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(`${tmpdir()}/oom-guard-sealed-`);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("a file passed to another process", () => {
  test.each([
    ["in sealed memory", sealedFile, ALL_SEALS],
    ["without a path, where a kernel has no such memory", unlinkedFile, null],
  ])("%s arrives whole, and alone", (_, makeIn, seals) => {
    const make = (bytes: Uint8Array) => makeIn(bytes, folder);
    const path = `${folder}/socket`;
    const receiver = new DatagramReceiver(path);
    const socket = new UnixDatagram(path);
    const bytes = new Uint8Array(3 << 20).map((_, i) => i % 251);
    const fd = make(bytes)!;
    expect(fd).toBeGreaterThan(2);
    expect(readdirSync(folder)).toEqual(["socket"]);
    expect(socket.sendDescriptor(fd)).toBe(0);
    close(fd);
    // The socket goes on to take datagrams of the ordinary kind, and other files.
    socket.send(new Uint8Array([1, 2, 3]));
    const second = make(new Uint8Array([7]))!;
    socket.sendDescriptor(second);
    close(second);
    const [first, plain, last] = receiver.takeAll();
    expect(first?.payload.length).toBe(0);
    expect(Buffer.compare(first!.file!.content, bytes)).toBe(0);
    if (seals !== null) expect(first?.file?.seals).toBe(seals);
    expect(plain).toEqual({ payload: Buffer.from([1, 2, 3]), file: null });
    expect(last?.file?.content).toEqual(Buffer.from([7]));
    receiver.close();
    socket.close();
  });

  test("nobody there to take it is an answer", () => {
    const socket = new UnixDatagram(`${folder}/nobody`);
    const fd = sealedFile(new Uint8Array(1))!;
    expect(socket.sendDescriptor(fd)).toBe(-ENOENT);
    close(fd);
    socket.close();
  });

  test("a directory that cannot hold it is an answer", () => {
    expect(unlinkedFile(new Uint8Array(1), `${folder}/absent`)).toBeNull();
  });
});
