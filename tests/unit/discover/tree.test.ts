import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ControlFiles } from "../../../src/cgroup/hierarchy.ts";
import { Roots } from "../../../src/discover/roots.ts";
import { CgroupTree } from "../../../src/discover/tree.ts";
import { until } from "../../support/until.ts";

// inotify tells the same of any directory, so no cgroup is needed.
let mount: string;
let tree: CgroupTree;
let told: string[];
let control: ControlFiles;

beforeEach(() => {
  mount = mkdtempSync(join(tmpdir(), "oom-guard-tree-"));
  told = [];
  control = ["memory.limit_in_bytes"];
});

afterEach(() => {
  tree.close();
  rmSync(mount, { recursive: true, force: true });
});

function watch(...roots: string[]): void {
  tree = new CgroupTree(mount, control, new Roots(roots), {
    onAdded: (cgroup) => told.push(`+ ${cgroup}`),
    onRemoved: (cgroup) => told.push(`- ${cgroup}`),
    onWritten: (cgroup) => told.push(`w ${cgroup}`),
    onTrouble: (error) => told.push(`! ${error.message}`),
  });
  tree.resync();
}

const make = (cgroup: string) => mkdirSync(mount + cgroup, { recursive: true });
const toldOf = (line: string) => until(line, () => told.includes(line), 5000);

test("what is there is told, parents first, and nothing outside the roots", () => {
  for (const cgroup of ["/kubepods/pod1/a", "/system.slice/ssh.service", "/docker/b"]) make(cgroup);
  watch("/kubepods", "/docker");
  expect(told.filter((line) => line.startsWith("+ /kubepods"))).toEqual([
    "+ /kubepods",
    "+ /kubepods/pod1",
    "+ /kubepods/pod1/a",
  ]);
  expect(told.length).toBe(5);
  expect([...tree.cgroups()].sort()).toEqual([
    "/docker",
    "/docker/b",
    "/kubepods",
    "/kubepods/pod1",
    "/kubepods/pod1/a",
  ]);
});

test("a cgroup made later is told, with everything below it, also under a root that was not there yet", async () => {
  watch("/system.slice/docker-*.scope");
  make("/system.slice/docker-1.scope/inner");
  await toldOf("+ /system.slice/docker-1.scope/inner");
  make("/system.slice/ssh.service");
  make("/system.slice/docker-2.scope");
  await toldOf("+ /system.slice/docker-2.scope");
  expect(told).toEqual([
    "+ /system.slice/docker-1.scope",
    "+ /system.slice/docker-1.scope/inner",
    "+ /system.slice/docker-2.scope",
  ]);
});

test("a removal is told, and a cgroup of the same name is a new one", async () => {
  make("/k/a");
  watch("/k");
  rmdirSync(`${mount}/k/a`);
  await toldOf("- /k/a");
  told.length = 0;
  make("/k/a");
  await toldOf("+ /k/a");
  expect(told).toEqual(["+ /k/a"]);
});

test("one removed and made anew before anybody looked ends up known", async () => {
  make("/k/a");
  watch("/k");
  told.length = 0;
  rmdirSync(`${mount}/k/a`);
  make("/k/a");
  tree.resync();
  make("/k/marker");
  await toldOf("+ /k/marker");
  const ofA = told.filter((line) => line.endsWith("/k/a"));
  expect(ofA.at(0)).toBe("- /k/a");
  expect(ofA.at(-1)).toBe("+ /k/a");
  expect([...tree.cgroups()].sort()).toEqual(["/k", "/k/a", "/k/marker"]);
});

describe("what is written in a cgroup", () => {
  const write = (file: string) => writeFileSync(`${mount}/k/a/${file}`, "1");

  test("files that count are told of, others are not", async () => {
    control = ["memory.max", "memory.high"];
    make("/k/a");
    for (const file of [...control, "memory.events"]) write(file);
    watch("/k");
    write("memory.events");
    make("/k/later");
    await toldOf("+ /k/later");
    expect(told).not.toContain("w /k/a");
    for (const file of control) {
      told.length = 0;
      write(file);
      await toldOf("w /k/a");
    }
  });

  test("outside the roots nothing is told any more", async () => {
    control = ["memory.max"];
    make("/k/a");
    write("memory.max");
    watch("/k");
    tree.resync(new Roots(["/k/b"]));
    told.length = 0;
    write("memory.max");
    make("/k/b");
    await toldOf("+ /k/b");
    expect(told).not.toContain("w /k/a");
  });

  test("a file that comes after its cgroup is heard of from the next resync on", async () => {
    control = ["memory.max"];
    make("/k/a");
    watch("/k");
    write("memory.max");
    tree.resync();
    write("memory.max");
    await toldOf("w /k/a");
  });
});

describe("other roots at run time", () => {
  test("what is no longer inside them is told as removed, also where it still has to be watched for its children", () => {
    make("/kubepods/burstable/pod1");
    watch("/kubepods");
    told.length = 0;
    tree.resync(new Roots(["/kubepods/burstable/*"]));
    expect(told.sort()).toEqual(["- /kubepods", "- /kubepods/burstable"]);
    expect([...tree.cgroups()]).toEqual(["/kubepods/burstable/pod1"]);
  });

  test("what comes to lie inside is told as added", () => {
    make("/kubepods/burstable/pod1");
    watch("/kubepods/burstable");
    told.length = 0;
    tree.resync(new Roots(["/kubepods"]));
    expect(told).toEqual(["+ /kubepods"]);
  });

  test("none at all forgets everything", () => {
    make("/kubepods/a");
    watch("/kubepods");
    told.length = 0;
    tree.resync(new Roots(["/docker"]));
    expect(told.sort()).toEqual(["- /kubepods", "- /kubepods/a"]);
  });
});

test("where the kernel has lost what it had to tell, a cgroup that was made anew meanwhile is watched again", async () => {
  make("/a");
  watch("/");
  // More than fs.inotify.max_queued_events (16384), in one turn.
  for (let i = 0; i < 10_000; i++) {
    mkdirSync(`${mount}/passing-${i}`);
    rmdirSync(`${mount}/passing-${i}`);
  }
  rmdirSync(`${mount}/a`);
  make("/a");
  told = [];
  await toldOf("+ /a");
  make("/a/later");
  await toldOf("+ /a/later");
});
