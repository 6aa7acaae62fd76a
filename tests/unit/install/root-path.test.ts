import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathInRoot } from "../../../src/install/root-path.ts";

let root = "";

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "oom-guard-root-"));
  mkdirSync(join(root, "usr/local"), { recursive: true });
  mkdirSync(join(root, "opt/bin"), { recursive: true });
  const links = {
    absolute: "/opt/bin",
    relative: "opt/bin",
    out: "../../../../etc",
    "out-and-in": "../../opt/./bin",
    host: "/etc",
    chain: "/absolute",
    loop: "/loop",
    "usr/local/bin": "/opt/bin",
    "opt/bin/program": "/etc/passwd",
  };
  for (const [name, target] of Object.entries(links)) symlinkSync(target, join(root, name));
});

afterAll(() => rmSync(root, { recursive: true }));

describe("a path below a root never leads out of it:", () => {
  test.each([
    ["what is not there", "/nothing/there", "nothing/there"],
    ["no link", "/usr/local/share/x", "usr/local/share/x"],
    ["an absolute link", "/absolute/x", "opt/bin/x"],
    ["a relative link", "/relative/x", "opt/bin/x"],
    ["a link of links", "/chain/x", "opt/bin/x"],
    ["a link in the middle", "/usr/local/bin/x", "opt/bin/x"],
    ["more .. than there are directories", "/out/x", "etc/x"],
    ["the same, with something behind", "/out-and-in/x", "opt/bin/x"],
    ["a name the host has too", "/host/passwd", "etc/passwd"],
    [".. behind a link is the parent of what it leads to", "/absolute/../x", "opt/x"],
    ["a link at the end is not followed", "/usr/local/bin/program", "opt/bin/program"],
  ])("%s", (_, path, expected) => {
    expect(pathInRoot(root, path)).toBe(join(root, expected));
  });

  test("links in a circle are an error", () => {
    expect(() => pathInRoot(root, "/loop/x")).toThrow("too many symbolic links");
  });
});

test("in the system that runs paths are what they are", () => {
  expect(pathInRoot("/", "/usr/local/bin/oom-guard")).toBe("/usr/local/bin/oom-guard");
});
