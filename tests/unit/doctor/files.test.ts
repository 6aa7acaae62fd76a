import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, realpathSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkBlackBox } from "../../../src/doctor/black-box.ts";
import { checkStateDir, judgeStore } from "../../../src/doctor/state-dir.ts";
import { lockHolder, lockStateDir } from "../../../src/record/lock.ts";
import { SCHEMA_VERSION } from "../../../src/record/schema.ts";
import { IncidentStore } from "../../../src/record/store.ts";
import { StoreError } from "../../../src/record/store-error.ts";
import { canMount, tinyDisk } from "../record/tiny-disk.ts";
import { tree } from "./tree.ts";

describe("state-dir:", () => {
  test("one that is not there yet is not made, and nothing is left where it would be", () => {
    const parent = tree();
    const found = checkStateDir(join(parent, "var/lib/oom-guard"), "/proc");
    expect(found.outcome).toBe("ok");
    expect(found.detail).toMatch(/\/var\/lib\/oom-guard, made at the first start, [\d.]+[MGT] free$/);
    expect(readdirSync(parent)).toEqual([]);
  });

  test("one that is there is written to, and left as it was", () => {
    const stateDir = tree();
    const found = checkStateDir(stateDir, "/proc");
    expect(found.detail).toMatch(/^\/\S+, [\d.]+[MGT] free$/);
    expect(readdirSync(stateDir)).toEqual([]);
  });

  test("a guard that runs on it is told of", () => {
    const stateDir = tree();
    const lock = lockStateDir(stateDir);
    expect(lock.held).toBe(true);
    expect(checkStateDir(stateDir, "/proc").detail).toEndWith(`, a guard runs (pid ${process.pid})`);
    if (lock.held) lock.release();
    expect(checkStateDir(stateDir, "/proc").detail).not.toContain("a guard runs");
  });

  test("a file in its place fails", () => {
    const file = join(tree({ state: "" }), "state");
    expect(checkStateDir(file, "/proc")).toMatchObject({
      outcome: "fail",
      detail: `${file} is not a directory: incidents are not kept`,
    });
    expect(checkStateDir(join(file, "below"), "/proc").outcome).toBe("fail");
  });

  test("a place where nobody may write fails", () => {
    expect(checkStateDir("/proc/self", "/proc")).toMatchObject({
      outcome: "fail",
      detail: expect.stringContaining("/proc/self cannot be written ("),
    });
  });

  test.skipIf(!canMount)("a disk with little room is told of, one that is read-only fails", () => {
    using disk = tinyDisk("8m");
    for (const stateDir of [disk.path, join(disk.path, "state")]) {
      expect(checkStateDir(stateDir, "/proc")).toMatchObject({
        outcome: "warn",
        detail: `8M free at ${disk.path}: soon incidents are not kept`,
      });
    }
    disk.remount("ro");
    for (const stateDir of [disk.path, join(disk.path, "state")]) {
      expect(checkStateDir(stateDir, "/proc")).toMatchObject({
        outcome: "fail",
        detail: `${disk.path} cannot be written (EROFS): incidents are not kept`,
      });
    }
  });

  test("a store with incidents is read, one of a newer oom-guard fails", () => {
    const stateDir = tree();
    const opened = IncidentStore.open(stateDir);
    if (opened.ok) opened.value.close();
    expect(checkStateDir(stateDir, "/proc").outcome).toBe("ok");
    const db = new Database(join(stateDir, "incidents.db"));
    db.run(`PRAGMA user_version = ${SCHEMA_VERSION + 1}`);
    db.close();
    expect(checkStateDir(stateDir, "/proc")).toMatchObject({
      outcome: "fail",
      detail: expect.stringContaining("made by a newer oom-guard"),
      fix: "run the newer oom-guard, or give this one its own state_dir",
    });
  });

  test("a corrupt store is left for the next start to mend", () => {
    const stateDir = tree({ "incidents.db": "no database, but long enough to be one\n".repeat(50) });
    expect(checkStateDir(stateDir, "/proc")).toMatchObject({
      outcome: "warn",
      detail: expect.stringContaining("corrupt"),
    });
    expect(readdirSync(stateDir)).toEqual(["incidents.db"]);
  });

  test.each([
    ["locked", "warn"],
    ["permission denied", "fail"],
    ["I/O error", "fail"],
  ] as const)("a store that is %s: %s", (reason, outcome) => {
    expect(judgeStore(new StoreError(reason, "/x/incidents.db", ""))).toMatchObject({
      outcome,
      detail: `/x/incidents.db: ${reason}`,
    });
  });
});

describe("who holds the lock", () => {
  const stateWith = (text: string) => {
    const stateDir = tree({ lock: text });
    return { stateDir, inode: statSync(join(stateDir, "lock")).ino };
  };
  const { stateDir, inode } = stateWith("pid 4711, since 2030-01-01T00:00:00.000Z          ");
  const held = (line: string) => tree({ locks: `1: POSIX  ADVISORY  WRITE 1 fe:00:99 0 EOF\n${line}\n` });

  test.each([
    ["the one that wrote its pid there", `2: FLOCK  ADVISORY  WRITE 4711 fe:00:${inode} 0 EOF`, 4711],
    ["not one of another file", `2: FLOCK  ADVISORY  WRITE 4711 fe:00:${inode}1 0 EOF`, null],
    [
      "not another process, on another file system",
      `2: FLOCK  ADVISORY  WRITE 12 08:01:${inode} 0 EOF`,
      null,
    ],
    ["not one that waits for it", `2: -> FLOCK  ADVISORY  READ  4711 fe:00:${inode} 0 EOF`, null],
    ["nobody", "", null],
  ])("%s", (_, line, holder) => {
    expect(lockHolder(stateDir, held(line))).toBe(holder);
  });

  test("nobody where there is no lock file", () => {
    const empty = tree();
    expect(lockHolder(empty, held(""))).toBeNull();
    expect(existsSync(join(empty, "lock"))).toBe(false);
  });
});

describe("black-box:", () => {
  const run = realpathSync(tree());
  const proc = (...mounts: string[]) =>
    tree({ "self/mounts": mounts.map((line) => `${line} rw 0 0\n`).join("") });
  mkdirSync(join(run, "oom guard"));
  writeFileSync(join(run, "file"), "");

  test.each([
    ["on tmpfs", proc("dev / ext4", `tmpfs ${run} tmpfs`), "ok", "in memory (tmpfs)"],
    ["on ramfs", proc(`none ${run} ramfs`, "dev / ext4"), "ok", "in memory (ramfs)"],
    ["on a disk", proc("tmpfs /run tmpfs", "dev / ext4"), "warn", "is on ext4: a kill may wait for a disk"],
    ["on a disk over a tmpfs", proc(`tmpfs ${run} tmpfs`, `dev ${run} xfs`), "warn", "is on xfs"],
    ["beside a tmpfs of a longer name", proc("dev / ext4", `tmpfs ${run}-x tmpfs`), "warn", "is on ext4"],
    ["nowhere", proc(), "warn", "is on an unknown file system"],
  ])("%s", (_, procRoot, outcome, detail) => {
    const found = checkBlackBox(join(run, "oom-guard"), procRoot);
    expect(found).toMatchObject({ outcome, detail: expect.stringContaining(detail) });
    expect(found.fix).toBe(outcome === "ok" ? null : "mount a tmpfs at /run");
  });

  test("the mount point's blanks are read", () => {
    const procRoot = proc("dev / ext4", `tmpfs ${run}/oom\\040guard tmpfs`);
    expect(checkBlackBox(join(run, "oom guard"), procRoot).outcome).toBe("ok");
  });

  test.skipIf(!canMount)("a place that cannot be written", () => {
    using disk = tinyDisk("1m");
    disk.remount("ro");
    const found = checkBlackBox(join(disk.path, "oom-guard"), proc(`tmpfs ${disk.path} tmpfs`));
    expect(found).toMatchObject({
      outcome: "warn",
      detail: expect.stringContaining("cannot be written (EROFS)"),
    });
  });
});
