import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaults } from "../../../src/config/defaults.ts";
import { loadConfig } from "../../../src/config/load.ts";

let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "oom-guard-load-"));
  mkdirSync(join(folder, "directory"));
  Bun.spawnSync(["mkfifo", join(folder, "fifo")]);
  symlinkSync("loop", join(folder, "loop"));
  symlinkSync("good.toml", join(folder, "link"));
  const files: Record<string, string | Uint8Array> = {
    "good.toml": 'policy = "noop"\n',
    "bom.toml": '\ufeffpolicy = "noop"\n',
    empty: "",
    "largest.toml": "#".repeat(256 * 1024),
    "too-large.toml": "#".repeat(256 * 1024 + 1),
    latin1: new Uint8Array([0x23, 0xe9, 0x0a]),
    bad: "policy = 1\n",
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
});

afterAll(() => rmSync(folder, { recursive: true }));

const load = (name: string) => loadConfig({ path: join(folder, name) });

test("without --config a missing default file means the defaults", () => {
  expect(loadConfig({ path: null, defaultPath: join(folder, "missing") })).toEqual({
    ok: true,
    config: defaults,
    source: null,
  });
});

test("without --config the default file is read if it is there, flags beat it", () => {
  const defaultPath = join(folder, "good.toml");
  const flags = { log_level: "debug" };
  expect(loadConfig({ path: null, flags, defaultPath })).toEqual({
    ok: true,
    config: { ...defaults, policy: "noop", logLevel: "debug" },
    source: defaultPath,
  });
});

test("without --config a default file that is wrong is no less wrong", () => {
  expect(loadConfig({ path: null, defaultPath: join(folder, "bad") }).ok).toBe(false);
});

test.each([
  ["good.toml", "noop"],
  ["link", "noop"],
  ["bom.toml", "noop"],
  ["empty", "container"],
  ["largest.toml", "container"],
])("--config %s is read", (name, policy) => {
  expect(load(name)).toEqual({
    ok: true,
    config: { ...defaults, policy } as never,
    source: join(folder, name),
  });
});

describe("--config is refused, and never waited for:", () => {
  test.each([
    ["missing", "does not exist"],
    ["missing/file", "does not exist"],
    ["good.toml/file", "does not exist"],
    ["loop", "cannot be read: too many symbolic links"],
    ["n".repeat(300), "cannot be read: the name is too long"],
    ["directory", "is a directory, must be a file"],
    ["fifo", "must be a regular file, not a pipe, socket or device"],
    ["too-large.toml", "is too large, must be at most 256K"],
    ["latin1", "must be UTF-8 text"],
  ])("%s", (name, message) => {
    expect(load(name)).toEqual({ ok: false, message: `config ${join(folder, name)}: ${message}` });
  });

  test.each([
    ["/dev/zero", "must be a regular file, not a pipe, socket or device"],
    ["/proc/self/mem", "cannot be read: input/output error"],
    ["/proc/kallsyms", "is too large, must be at most 256K"],
  ])("%s", (path, message) => {
    expect(loadConfig({ path })).toEqual({ ok: false, message: `config ${path}: ${message}` });
  });
});
