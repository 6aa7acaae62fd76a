import { expect, test } from "bun:test";
import { ENODEV, ENOENT } from "../../../ffi/errno.ts";
import { close, openFile } from "../../../ffi/file.ts";
import { isKmsg, openKmsg } from "../../../ffi/kmsg.ts";

test.each(["/dev/null", "/dev/zero", "/"])("%s is not the kernel's log", (path) => {
  const fd = openFile(path, 0);
  expect(isKmsg(fd)).toBe(false);
  close(fd);
});

test("no descriptor is not the kernel's log", () => {
  expect(isKmsg(-1)).toBe(false);
});

// Containers have something else in its place.
test("what is not the kernel's log is not followed", () => {
  expect(() => openKmsg("/dev/null")).toThrow(expect.objectContaining({ errno: ENODEV, path: "/dev/null" }));
  expect(() => openKmsg("/nowhere")).toThrow(expect.objectContaining({ errno: ENOENT, path: "/nowhere" }));
});
