import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { IN_CREATE, IN_IGNORED, IN_ISDIR, Inotify, parseInotify } from "../../../ffi/inotify.ts";
import { scratch } from "../record/tiny-disk.ts";

/** struct inotify_event: watch, mask, cookie, length of the name with its padding, name. */
function event(watch: number, mask: number, name: string, padded: number): Uint8Array {
  const bytes = new Uint8Array(16 + padded);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, watch, true);
  view.setUint32(4, mask >>> 0, true);
  view.setUint32(12, padded, true);
  bytes.set(new TextEncoder().encode(name), 16);
  return bytes;
}

const joined = (...parts: Uint8Array[]) => new Uint8Array(parts.flatMap((part) => [...part]));

describe("what an inotify descriptor gives is split into", () => {
  test.each([
    ["nothing", joined(), []],
    [
      "one event with a padded name",
      event(1, IN_CREATE, "abc", 16),
      [{ watch: 1, mask: IN_CREATE, name: "abc" }],
    ],
    [
      "an event about the directory itself",
      event(7, IN_IGNORED, "", 0),
      [{ watch: 7, mask: IN_IGNORED, name: "" }],
    ],
    [
      "several, each with its own length",
      joined(
        event(1, IN_CREATE, "a".repeat(64), 80),
        event(2, IN_IGNORED, "", 0),
        event(3, IN_CREATE, "b", 16),
      ),
      [
        { watch: 1, mask: IN_CREATE, name: "a".repeat(64) },
        { watch: 2, mask: IN_IGNORED, name: "" },
        { watch: 3, mask: IN_CREATE, name: "b" },
      ],
    ],
    [
      "an overflow, which belongs to no watch",
      event(-1, 0x4000, "", 0),
      [{ watch: -1, mask: 0x4000, name: "" }],
    ],
    [
      "masks with the highest bits set",
      event(1, IN_CREATE | IN_ISDIR, "d", 16),
      [{ watch: 1, mask: (IN_CREATE | IN_ISDIR) >>> 0, name: "d" }],
    ],
    [
      "a name that fills its place to the last byte",
      event(1, 1, "abcd", 4),
      [{ watch: 1, mask: 1, name: "abcd" }],
    ],
    ["names in UTF-8", event(1, 1, "Grüße", 16), [{ watch: 1, mask: 1, name: "Grüße" }]],
  ])("%s", (_, bytes, events) => {
    expect(parseInotify(bytes)).toEqual(events);
  });

  test("what lies in the middle of a larger buffer", () => {
    const bytes = joined(new Uint8Array(8), event(5, 1, "x", 16));
    expect(parseInotify(bytes.subarray(8))).toEqual([{ watch: 5, mask: 1, name: "x" }]);
  });

  test("nothing of an event that is cut off", () => {
    expect(parseInotify(event(1, 1, "x", 16).subarray(0, 12))).toEqual([]);
  });
});

test("what happens while events are handled is told as well, also when it is still more", async () => {
  using folder = scratch();
  const seen: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const make = () => writeFileSync(join(folder.path, String(seen.length)), "");
  const inotify = new Inotify(
    (events) => {
      seen.push(...events.map(({ name }) => name));
      if (seen.length < 5) make();
      else resolve();
    },
    () => resolve(),
  );
  inotify.watch(folder.path, IN_CREATE);
  make();
  await promise;
  inotify.close();
  expect(seen).toEqual(["0", "1", "2", "3", "4"]);
});

test("a process whose watches nobody disturbs ends all the same once they are closed", async () => {
  const script = `
    const { Inotify, IN_CREATE } = await import(${JSON.stringify(join(import.meta.dir, "../../../ffi/inotify.ts"))});
    const inotify = new Inotify(() => {}, () => {});
    inotify.watch("/proc/self/fdinfo", IN_CREATE);
    setTimeout(() => inotify.close(), 50);
  `;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "ignore", timeout: 4000 });
  expect(await child.exited).toBe(0);
});
