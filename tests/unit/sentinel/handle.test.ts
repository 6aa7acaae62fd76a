import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { SentinelHandle } from "../../../src/sentinel/handle.ts";
import { scratch } from "../record/tiny-disk.ts";

const start = {
  cgroupVersion: 1,
  mount: "/m",
  procRoot: "/proc",
  kernelRelease: "6.1",
  blackBoxFd: -1,
} as const;

/** A thread that behaves as told in the place of the sentinel. */
async function spawn(script: string, onDeath: (reason: string) => void) {
  using folder = scratch();
  const file = join(folder.path, "worker.ts");
  writeFileSync(file, `declare const self: Worker;\n${script}\n`);
  return await SentinelHandle.spawn(file, start, () => undefined, onDeath);
}

test.each([
  ["cannot be loaded", 'throw new Error("no libc");'],
  ["fails before it is ready", 'self.onmessage = () => { throw new Error("no libc"); };'],
])("a sentinel that %s ends the start instead of holding it up", async (_, script) => {
  const deaths: string[] = [];
  await expect(spawn(script, (reason) => deaths.push(reason))).rejects.toThrow("no libc");
  await Bun.sleep(300);
  expect(deaths).toEqual([]);
});

test("one that fails later is reported", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  await spawn(
    'self.onmessage = () => { postMessage({ type: "ready" }); setTimeout(() => { throw new Error("gone"); }, 20); };',
    resolve,
  );
  expect(await promise).toContain("gone");
});
