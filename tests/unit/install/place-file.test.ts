import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Placement, placeFile } from "../../../src/install/place-file.ts";

const text: Placement = { mode: 0o644, content: "new\n", belongsToUser: false };
let folder = "";
let path = "";

beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), "oom-guard-place-"));
  path = join(folder, "file");
});

afterEach(() => fs.rmSync(folder, { recursive: true }));

function write(content: string, mode: number): void {
  fs.writeFileSync(path, content);
  fs.chmodSync(path, mode);
}

const modeOf = (it: string) => fs.statSync(it).mode & 0o7777;

describe("what was there decides:", () => {
  test.each([
    ["nothing", () => {}, "installed"],
    ["another text", () => write("old\n", 0o644), "updated"],
    ["the beginning of the text", () => write("ne", 0o644), "updated"],
    ["the text and more", () => write("new\nmore", 0o644), "updated"],
    ["an empty file", () => fs.writeFileSync(path, ""), "updated"],
    ["the text, writable by others", () => write("new\n", 0o666), "updated"],
    ["a link to nothing", () => fs.symlinkSync("/nonexistent", path), "updated"],
    ["the very same", () => write("new\n", 0o644), "unchanged"],
  ] as const)("%s", (_, prepare, expected) => {
    prepare();
    expect(placeFile(path, text)).toBe(expected);
    expect(fs.lstatSync(path).isFile()).toBe(true);
    expect(fs.readFileSync(path, "utf8")).toBe("new\n");
    expect(modeOf(path)).toBe(0o644);
    expect(fs.readdirSync(folder)).toEqual(["file"]);
    expect(placeFile(path, text)).toBe("unchanged");
  });

  test.skipIf(process.getuid?.() !== 0)("a file that belongs to somebody else is not left to them", () => {
    placeFile(path, text);
    fs.chownSync(path, 65534, 65534);
    expect(placeFile(path, text)).toBe("updated");
    expect(fs.statSync(path).uid).toBe(0);
  });

  test.each([
    ["a file", () => fs.writeFileSync(path, "mine")],
    ["a link to nothing", () => fs.symlinkSync("/nonexistent", path)],
    ["a directory", () => fs.mkdirSync(path)],
  ])("%s of the user's is kept", (_, prepare) => {
    prepare();
    const before = fs.lstatSync(path);
    expect(placeFile(path, { ...text, belongsToUser: true })).toBe("kept");
    expect(fs.lstatSync(path)).toEqual(before);
  });
});

test("what a replaced link points to is left alone", () => {
  const target = join(folder, "target");
  fs.writeFileSync(target, "theirs");
  fs.symlinkSync(target, path);
  expect(placeFile(path, text)).toBe("updated");
  expect(fs.readFileSync(target, "utf8")).toBe("theirs");
});

test("the same text again writes nothing", () => {
  placeFile(path, text);
  const before = fs.statSync(path, { bigint: true });
  placeFile(path, text);
  expect(fs.statSync(path, { bigint: true })).toEqual({
    ...before,
    atimeMs: expect.anything(),
    atimeNs: expect.anything(),
  });
});

test("a file is copied from a descriptor whatever its size", () => {
  const source = join(folder, "source");
  fs.writeFileSync(
    source,
    crypto.getRandomValues(new Uint8Array(65_536)).toHex().repeat(20).slice(0, 2_500_000),
  );
  const content = fs.openSync(source, "r");
  expect(placeFile(path, { mode: 0o755, content, belongsToUser: false })).toBe("installed");
  expect(fs.readFileSync(path).equals(fs.readFileSync(source))).toBe(true);
  expect(placeFile(path, { mode: 0o755, content, belongsToUser: false })).toBe("unchanged");
  // One byte in the last piece, the size the same.
  const changed = fs.openSync(path, "r+");
  fs.writeSync(changed, "x", 2_400_000);
  expect(placeFile(path, { mode: 0o755, content, belongsToUser: false })).toBe("updated");
  expect(fs.readFileSync(path).equals(fs.readFileSync(source))).toBe(true);
  fs.closeSync(changed);
  fs.closeSync(content);
});

test("directories are made for everybody, whatever the umask, and existing ones stay as they are", () => {
  fs.mkdirSync(join(folder, "theirs"), { mode: 0o700 });
  const before = process.umask(0o077);
  try {
    placeFile(join(folder, "theirs/a/b/file"), text);
  } finally {
    process.umask(before);
  }
  expect(
    ["theirs", "theirs/a", "theirs/a/b", "theirs/a/b/file"].map((it) => modeOf(join(folder, it))),
  ).toEqual([0o700, 0o755, 0o755, 0o644]);
});

describe("refused, and nothing is left or changed:", () => {
  test("a directory at the place", () => {
    fs.mkdirSync(path);
    expect(() => placeFile(path, text)).toThrow(`${path} is not a file: move it away`);
    expect(fs.readdirSync(folder)).toEqual(["file"]);
  });

  test("a unit that is masked", () => {
    fs.symlinkSync("/dev/null", path);
    expect(() => placeFile(path, text)).toThrow(`${path} is masked: systemctl unmask file`);
    expect(fs.readlinkSync(path)).toBe("/dev/null");
  });

  test("a source that cannot be read to its end", () => {
    fs.writeFileSync(path, "old");
    const content = fs.openSync(folder, "r");
    expect(() => placeFile(path, { ...text, content })).toThrow("EISDIR");
    fs.closeSync(content);
    expect(fs.readdirSync(folder)).toEqual(["file"]);
    expect(fs.readFileSync(path, "utf8")).toBe("old");
  });
});

test("what a killed run left is taken away also where nothing else is to be done", () => {
  placeFile(path, text);
  fs.writeFileSync(join(folder, `.file.new-${Bun.spawnSync(["true"]).pid}`), "half");
  expect(placeFile(path, text)).toBe("unchanged");
  expect(fs.readdirSync(folder)).toEqual(["file"]);
});

test("what a killed run left is taken away, what another one is writing is not", () => {
  const dead = Bun.spawnSync(["true"]).pid;
  const names = [`.file.new-${dead}`, `.file.new-${process.ppid}`, ".other.new-1x"];
  for (const name of names) fs.writeFileSync(join(folder, name), "half");
  placeFile(path, text);
  expect(fs.readdirSync(folder).sort()).toEqual(
    [`.file.new-${process.ppid}`, ".other.new-1x", "file"].sort(),
  );
});

test("several at the same moment all succeed, into directories that none of them found", async () => {
  // Each waits for the moment, so that none is through before the others have begun.
  const writer = `
    const { placeFile } = await import("${import.meta.dir}/../../../src/install/place-file.ts");
    for (let round = 0; round < 20; round++) {
      const folder = process.argv[1] + "/" + round + "/a/b/c/d/e/f";
      while (Date.now() < Number(process.argv[2]) + round * 20);
      placeFile(folder + "/file", { mode: 0o644, content: "new", belongsToUser: false });
    }`;
  const writers = Array.from({ length: 2 }, () =>
    Bun.spawn([process.execPath, "-e", writer, folder, String(Date.now() + 1000)], { stderr: "pipe" }),
  );
  for (const { stderr, exited } of writers) {
    expect(await stderr.text()).toBe("");
    expect(await exited).toBe(0);
  }
  expect(fs.readdirSync(join(folder, "19/a/b/c/d/e/f"))).toEqual(["file"]);
});
