import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { EAGAIN, ENOENT } from "../../../ffi/errno.ts";
import { SysError } from "../../../ffi/sys-error.ts";
import { UnixDatagram } from "../../../ffi/unix-datagram.ts";
import { DatagramReceiver } from "../../support/datagram-receiver.ts";

const ECONNREFUSED = 111;
const EMSGSIZE = 90;

const bytes = (text: string) => new TextEncoder().encode(text);

describe("unix datagrams", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(`${tmpdir()}/oom-guard-datagram-`);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test.each([
    ["a path", () => `${folder}/socket`],
    ["an abstract address", () => `@oom-guard-test-${process.pid}`],
  ])("arrive whole and in order at %s", (_, address) => {
    const receiver = new DatagramReceiver(address());
    const socket = new UnixDatagram(address());
    const texts = ["one\n", "", "drei \u0000 \u{1f600}"];
    expect(texts.map((text) => socket.send(bytes(text)))).toEqual([0, 0, 0]);
    expect(receiver.take().map(String)).toEqual(texts);
    socket.close();
    receiver.close();
  });

  test("say why they cannot be left, and never wait", () => {
    const path = `${folder}/socket`;
    const socket = new UnixDatagram(path);
    expect(socket.send(bytes("nobody"))).toBe(-ENOENT);
    const receiver = new DatagramReceiver(path);
    expect(socket.send(new Uint8Array(8 << 20))).toBe(-EMSGSIZE);
    let result = 0;
    while (result === 0) result = socket.send(bytes("x"));
    expect(result).toBe(-EAGAIN);
    receiver.close();
    expect(socket.send(bytes("gone"))).toBe(-ECONNREFUSED);
    socket.close();
  });

  test("a receiver that is replaced gets the next one", () => {
    const path = `${folder}/socket`;
    const first = new DatagramReceiver(path);
    const socket = new UnixDatagram(path);
    socket.send(bytes("first"));
    first.close();
    rmSync(path);
    const second = new DatagramReceiver(path);
    expect(socket.send(bytes("second"))).toBe(0);
    expect(second.take().map(String)).toEqual(["second"]);
    socket.close();
    second.close();
  });

  test("an address too long for the kernel is refused", () => {
    expect(() => new UnixDatagram(`/${"a".repeat(107)}`)).toThrow(SysError);
    new UnixDatagram(`/${"a".repeat(106)}`).close();
  });
});
