import { expect, test } from "bun:test";
import { once } from "node:events";
import { mkdtempSync, openSync, readdirSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { close } from "../../../ffi/file.ts";
import { peerPath } from "../../../ffi/peer-path.ts";

test("of a stream one knows where its other end is bound", async () => {
  const folder = mkdtempSync(`${tmpdir()}/oom-guard-peer-`);
  const path = `${folder}/stdout`;
  const peers = () => readdirSync("/proc/self/fd").map((fd) => peerPath(Number(fd)));
  const server = createServer().listen(path);
  await once(server, "listening");
  expect(peers()).not.toContain(path);
  const client = connect(path);
  await once(client, "connect");
  // Only the side that connected: the other one is connected to somebody without a path.
  expect(peers().filter((peer) => peer === path)).toHaveLength(1);
  client.destroy();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

test("of a file, and of what is not open, there is none", () => {
  const fd = openSync("/dev/null", "r");
  expect(peerPath(fd)).toBeNull();
  close(fd);
  expect(peerPath(fd)).toBeNull();
  expect(peerPath(-1)).toBeNull();
});
