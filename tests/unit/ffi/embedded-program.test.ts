import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ballast } from "../../../ffi/ballast.ts";
import { embeddedProgram, isUnwritten } from "../../../ffi/embedded-program.ts";
import { fileMappings } from "../../../ffi/mappings.ts";
import { pageBytes } from "../../../ffi/sysinfo.ts";

describe("the program in an executable", () => {
  let folder: string;
  let executable: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "oom-guard-embedded-"));
    executable = join(folder, "hello");
    const source = join(folder, "hello.ts");
    // Longer than two pages, so that one of them is whole.
    const text = "hello ".repeat(3000);
    writeFileSync(source, `console.log(${JSON.stringify(text)})`);
    const built = Bun.spawnSync([process.execPath, "build", "--compile", `--outfile=${executable}`, source]);
    if (built.exitCode !== 0) throw new Error(String(built.stderr));
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("is found in whole pages, in nothing but its section", () => {
    const { address, lengthBytes } = embeddedProgram(executable)!;
    expect(address % pageBytes).toBe(0);
    expect(lengthBytes % pageBytes).toBe(0);
    expect(lengthBytes).toBeGreaterThanOrEqual(2 * pageBytes);
    expect(lengthBytes).toBeLessThan(readFileSync(executable).length / 100);
  });

  test("is not found in one without", () => {
    expect(embeddedProgram("/bin/true")).toBeNull();
  });
});

describe("pages", () => {
  test("of a file that nobody has written to are unwritten", () => {
    const { address, lengthBytes } = fileMappings().find(({ isPristine }) => isPristine)!;
    expect(isUnwritten({ address, lengthBytes })).toBe(true);
  });

  test("that were written are not", () => {
    const ballast = new Ballast(4 * pageBytes);
    const range = { address: Number(ballast.address), lengthBytes: 4 * pageBytes };
    ballast.touch(2 * pageBytes, 2 * pageBytes + 1);
    expect(isUnwritten(range)).toBe(false);
    ballast.release();
  });
});
