import { afterAll, describe, expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { writeElsewhere } from "../../../ffi/async-write.ts";
import { EBADF } from "../../../ffi/errno.ts";
import { writeControlInPool, writeInPool } from "../../../ffi/file.ts";

describe("a write on another thread", () => {
  const directory = mkdtempSync(`${tmpdir()}/async-write-`);
  afterAll(() => rmSync(directory, { recursive: true }));

  const file = (name: string) => {
    const path = `${directory}/${name}`;
    closeSync(openSync(path, "w"));
    return path;
  };

  test("is whole when it is over, and so are many at once", async () => {
    const paths = Array.from({ length: 300 }, (_, i) => file(`many-${i}`));
    await Promise.all(paths.map((path) => writeControlInPool(path, `text of ${path}`)));
    for (const path of paths) expect(readFileSync(path, "utf8")).toBe(`text of ${path}`);
  });

  test("and another one on the same descriptor are both done", async () => {
    const path = file("twice");
    const fd = openSync(path, "a");
    await Promise.all(["first", "second"].map((text) => writeInPool(fd, path, text)));
    closeSync(fd);
    expect(readFileSync(path, "utf8")).toHaveLength("firstsecond".length);
  });

  test.each([
    ["that is longer than a request has room for", "x".repeat(1000)],
    ["that is not ASCII", "größer"],
  ])("of a text %s is whole, too", async (_, text) => {
    const path = file("odd");
    await writeControlInPool(path, text);
    expect(readFileSync(path, "utf8")).toBe(text);
  });

  test("tells why it could not be done", async () => {
    const fd = openSync(file("read"), "r");
    const { promise, resolve } = Promise.withResolvers<number>();
    expect(writeElsewhere(fd, "text", resolve)).toBe(true);
    expect(await promise).toBe(EBADF);
    closeSync(fd);
  });

  test("is refused with the path and the errno", async () => {
    expect(writeControlInPool("/dev/full", "text")).rejects.toMatchObject({
      code: "ENOSPC",
      syscall: "write",
      path: "/dev/full",
    });
  });
});
