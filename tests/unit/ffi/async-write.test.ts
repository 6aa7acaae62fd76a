import { afterAll, describe, expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { writeElsewhere } from "../../../ffi/async-write.ts";
import { EBADF } from "../../../ffi/errno.ts";
import { writeControlInPool } from "../../../ffi/file.ts";

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

  test("tells why it could not be done", async () => {
    const fd = openSync(file("read"), "r");
    expect(await writeElsewhere(fd, "text")).toBe(EBADF);
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
