import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { sampleConfig } from "../../src/config/sample.ts";
import { catalogFile } from "../../src/install/catalog.ts";
import { unitFile } from "../../src/install/unit.ts";
import { canMount, tinyDisk } from "../unit/record/tiny-disk.ts";
import { oomGuard, source } from "./oom-guard.ts";

const binary = process.env.OOM_GUARD_BIN ?? "";
// Run from its source the program has no executable to install: npm test tests the built one.
const built = describe.skipIf(binary === "");

const PROGRAM = "usr/local/bin/oom-guard";
const CONFIG = "etc/oom-guard/config.toml";
const UNIT = "etc/systemd/system/oom-guard.service";
const LINK = "etc/systemd/system/multi-user.target.wants/oom-guard.service";
const CATALOG = "usr/lib/systemd/catalog/oom-guard.catalog";
const STATE_DIR = "var/lib/oom-guard";
const STATE = "var/lib/oom-guard";

let root = "";

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "oom-guard-install-"));
});

afterEach(() => rmSync(root, { recursive: true }));

const at = (path: string) => join(root, path);
const text = (path: string) => readFileSync(at(path), "utf8");
const install = () => oomGuard("install", "--root", root);
const uninstall = (...flags: string[]) => oomGuard("uninstall", "--root", root, ...flags);

function write(path: string, content: string): void {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), content);
}

/** Every file and link below the root. */
const tree = () =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((it) => !it.isDirectory())
    .map((it) => join(it.parentPath, it.name).slice(root.length + 1))
    .sort();

/** `verb  path` for each step. */
const lines = (...steps: (readonly [string, string])[]) =>
  steps.map(([verb, path]) => `${verb}${at(path)}\n`).join("");

const nextLine = () => `next: systemctl --root=${root} enable oom-guard\n`;

built("install --root", () => {
  test("places the executable, a configuration, the unit, the catalog and a state directory, and nothing else", async () => {
    expect(await install()).toEqual({
      exitCode: 0,
      stderr: "",
      stdout:
        lines(
          ["installed  ", PROGRAM],
          ["installed  ", CONFIG],
          ["installed  ", UNIT],
          ["installed  ", CATALOG],
          ["installed  ", STATE_DIR],
        ) + nextLine(),
    });
    expect(tree()).toEqual([CONFIG, UNIT, CATALOG, PROGRAM]);
    const modes = [PROGRAM, CONFIG, UNIT, CATALOG, STATE_DIR].map((it) => statSync(at(it)).mode & 0o7777);
    expect(modes).toEqual([0o755, 0o644, 0o644, 0o644, 0o700]);
    expect([text(CONFIG), text(UNIT), text(CATALOG)]).toEqual([sampleConfig, unitFile, catalogFile]);
    expect(readFileSync(at(PROGRAM)).equals(readFileSync(binary))).toBe(true);
  });

  test("a second time writes nothing, run from either executable", async () => {
    await install();
    const before = statSync(at(PROGRAM), { bigint: true });
    const stdout =
      lines(
        ["unchanged  ", PROGRAM],
        ["kept       ", CONFIG],
        ["unchanged  ", UNIT],
        ["unchanged  ", CATALOG],
        ["unchanged  ", STATE_DIR],
      ) + nextLine();
    expect(await install()).toEqual({ exitCode: 0, stderr: "", stdout });
    const own = Bun.spawnSync([at(PROGRAM), "install", "--root", root]);
    expect(own.stdout.toString()).toBe(stdout);
    const { ino, mtimeNs, ctimeNs } = statSync(at(PROGRAM), { bigint: true });
    expect({ ino, mtimeNs, ctimeNs }).toEqual({
      ino: before.ino,
      mtimeNs: before.mtimeNs,
      ctimeNs: before.ctimeNs,
    });
  });

  test("brings an older version up to date; configuration and drop-ins stay", async () => {
    const dropIn = `${UNIT}.d/override.conf`;
    write(PROGRAM, "older executable");
    write(CONFIG, 'policy = "noop"\n');
    write(UNIT, `${unitFile}# edited here\n`);
    write(dropIn, "[Service]\nNice=0\n");
    const { exitCode, stdout } = await install();
    expect(exitCode).toBe(0);
    expect(stdout).toStartWith(
      lines(
        ["updated    ", PROGRAM],
        ["kept       ", CONFIG],
        ["updated    ", UNIT],
        ["installed  ", CATALOG],
      ),
    );
    expect([text(CONFIG), text(UNIT), text(dropIn)]).toEqual([
      'policy = "noop"\n',
      unitFile,
      "[Service]\nNice=0\n",
    ]);
    expect(tree()).toHaveLength(5);
  });

  test("replaces an executable that runs, which goes on running", async () => {
    mkdirSync(dirname(at(PROGRAM)), { recursive: true });
    copyFileSync("/bin/sleep", at(PROGRAM));
    const running = Bun.spawn([at(PROGRAM), "60"]);
    try {
      expect((await install()).stdout).toStartWith(lines(["updated    ", PROGRAM]));
      expect(running.exitCode).toBeNull();
      expect(readFileSync(at(PROGRAM)).equals(readFileSync(binary))).toBe(true);
    } finally {
      running.kill("SIGKILL");
      await running.exited;
    }
  });

  test("follows links of the new system, not to the host", async () => {
    const outside = mkdtempSync(join(tmpdir(), "oom-guard-outside-"));
    try {
      mkdirSync(at("usr/local"), { recursive: true });
      symlinkSync(outside, at("usr/local/bin"));
      mkdirSync(at("opt"));
      symlinkSync("/opt/etc", at("etc"));
      expect((await install()).exitCode).toBe(0);
      expect(readdirSync(outside)).toEqual([]);
      expect(existsSync(at(join(outside, "oom-guard")))).toBe(true);
      expect(text("opt/etc/systemd/system/oom-guard.service")).toBe(unitFile);
      expect((await uninstall("--purge")).exitCode).toBe(0);
      expect(tree()).toEqual(["etc", "usr/local/bin"]);
    } finally {
      rmSync(outside, { recursive: true });
    }
  });

  test("a unit that systemctl enables is one that it understands", async () => {
    await install();
    const enabled =
      Bun.which("systemctl") && Bun.spawnSync(["systemctl", `--root=${root}`, "enable", "oom-guard"]);
    if (enabled) expect(lstatSync(at(LINK)).isSymbolicLink()).toBe(true);
  });

  test.each([
    ["a directory where the executable belongs", PROGRAM, "is not a file: move it away", 0],
    ["a directory where the unit belongs", UNIT, "is not a file: move it away", 2],
  ])("%s fails with one line, and leaves no half of a file", async (_, path, reason, done) => {
    mkdirSync(at(path), { recursive: true });
    const { exitCode, stdout, stderr } = await install();
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: `oom-guard: ${at(path)} ${reason}\n` });
    expect(stdout.split("\n").length - 1).toBe(done);
    expect(tree()).toEqual([CONFIG, PROGRAM].slice(0, done));
  });

  test("a unit that somebody has masked stays masked", async () => {
    mkdirSync(dirname(at(UNIT)), { recursive: true });
    symlinkSync("/dev/null", at(UNIT));
    const { exitCode, stderr } = await install();
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: `oom-guard: ${at(UNIT)} is masked: systemctl unmask oom-guard.service, or remove the link\n`,
    });
  });

  test("a file in the way of a directory fails with one line", async () => {
    write("usr/local", "");
    const { exitCode, stderr } = await install();
    expect(exitCode).toBe(1);
    expect(stderr).toBe(
      `oom-guard: ${at(PROGRAM)}: a part of its path is a file, not a directory: move it away\n`,
    );
    expect(tree()).toEqual(["usr/local"]);
  });

  test("a state directory that is there stays as it is, one that cannot be made is a warning", async () => {
    mkdirSync(at(STATE_DIR), { recursive: true, mode: 0o755 });
    expect((await install()).stdout).toContain(lines(["unchanged  ", STATE_DIR]));
    expect(statSync(at(STATE_DIR)).mode & 0o777).toBe(0o755);
    rmSync(at("var"), { recursive: true });
    write("var", "in the way");
    const { exitCode, stderr } = await install();
    expect(exitCode).toBe(0);
    expect(stderr).toStartWith(`oom-guard: left out: ${at(STATE_DIR)}: `);
  });

  test("no place for the catalog is a warning: the guard works without", async () => {
    write("usr/lib/systemd/catalog", "in the way");
    const { exitCode, stdout, stderr } = await install();
    expect({ exitCode, lines: stdout.split("\n").length - 1 }).toEqual({ exitCode: 0, lines: 5 });
    expect(stderr).toBe(
      `oom-guard: left out: ${at(CATALOG)}: a part of its path is a file, not a directory: move it away\n`,
    );
  });
});

describe.skipIf(binary === "" || !canMount)("install where it cannot be written", () => {
  test("a disk without room: one line, and nothing is left on it", async () => {
    using disk = tinyDisk("8m");
    expect(await oomGuard("install", "--root", disk.path)).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: `oom-guard: ${join(disk.path, PROGRAM)}: no space left on the device: the executable needs some 120M\n`,
    });
    expect(readdirSync(join(disk.path, dirname(PROGRAM)))).toEqual([]);
  });

  test("a read-only file system: one line with what helps", async () => {
    using disk = tinyDisk("1m");
    disk.remount("ro");
    const { exitCode, stdout, stderr } = await oomGuard("install", "--root", disk.path);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "" });
    expect(stderr).toStartWith(
      `oom-guard: ${join(disk.path, PROGRAM)}: the file system is read-only: remount it, or `,
    );
  });
});

built("uninstall --root", () => {
  test("removes the program, and keeps what is the user's", async () => {
    await install();
    mkdirSync(dirname(at(LINK)), { recursive: true });
    symlinkSync("/etc/systemd/system/oom-guard.service", at(LINK));
    write(`${STATE}/incidents.db`, "incidents");
    write(`${UNIT}.d/override.conf`, "");
    expect(await uninstall()).toEqual({
      exitCode: 0,
      stderr: "",
      stdout:
        lines(["removed  ", LINK], ["removed  ", CATALOG], ["removed  ", UNIT], ["removed  ", PROGRAM]) +
        `kept     ${at("etc/oom-guard")} (configuration; --purge removes it)\n` +
        `kept     ${at(STATE)} (incidents; --purge removes them)\n` +
        `kept     ${at(UNIT)}.d (your changes of the unit)\n`,
    });
    expect(tree()).toEqual([CONFIG, `${UNIT}.d/override.conf`, `${STATE}/incidents.db`]);
  });

  test("run from the installed executable it removes that too, and a second time says so", async () => {
    await install();
    const own = Bun.spawnSync([at(PROGRAM), "uninstall", "--purge", "--root", root]);
    expect({ exitCode: own.exitCode, stderr: own.stderr.toString() }).toEqual({ exitCode: 0, stderr: "" });
    expect(tree()).toEqual([]);
    expect(await uninstall("--purge")).toEqual({ exitCode: 0, stdout: "nothing to uninstall\n", stderr: "" });
  });

  test("--purge removes the state wherever it is configured to be, and nothing that is not oom-guard's", async () => {
    await install();
    const ours = [
      "incidents.db",
      "incidents.db-wal",
      "incidents.db-shm",
      "incidents.db.corrupt-1-wal",
      "lock",
    ];
    for (const name of ours) {
      write(`${STATE}/${name}`, "");
      write(`data/${name}`, "");
    }
    write(CONFIG, 'state_dir = "/data"\n');
    write("data/incidents.db.backup", "theirs");
    write("data/deep/lock", "theirs");
    write("etc/oom-guard/notes.txt", "theirs");
    write("run/oom-guard/black-box-1", "");
    write("run/oom-guard/kernel-log-1", "");
    const { exitCode, stdout } = await uninstall("--purge");
    expect(exitCode).toBe(0);
    expect(stdout).toEndWith(
      `kept     ${at("etc/oom-guard")} (holds what is not oom-guard's)\n` +
        `removed  ${at(STATE)}\n` +
        `kept     ${at("data")} (holds what is not oom-guard's)\n` +
        `removed  ${at("run/oom-guard")}\n`,
    );
    expect(tree()).toEqual(["data/deep/lock", "data/incidents.db.backup", "etc/oom-guard/notes.txt"]);
  });

  test("--purge with a configuration that cannot be read looks at the default place, and says so", async () => {
    await install();
    write(CONFIG, "state_dir = 5\n");
    write(`${STATE}/incidents.db`, "");
    const { exitCode, stderr } = await uninstall("--purge");
    expect(exitCode).toBe(0);
    expect(stderr).toStartWith(
      `oom-guard: only the default state_dir is looked at: config ${at(CONFIG)}: state_dir`,
    );
    expect(tree()).toEqual([]);
  });

  test("--purge goes through no link", async () => {
    write("elsewhere/incidents.db", "theirs");
    mkdirSync(at("var/lib"), { recursive: true });
    symlinkSync("../../elsewhere", at(STATE));
    await uninstall("--purge");
    expect(text("elsewhere/incidents.db")).toBe("theirs");
    expect(lstatSync(at(STATE)).isSymbolicLink()).toBe(true);
  });
});

describe("install and uninstall refuse, and touch nothing:", () => {
  test.each([["install"], ["uninstall"]])("%s below what is no directory", async (command) => {
    write("file", "");
    for (const wrong of [at("absent"), at("file")]) {
      expect(await oomGuard(command, "--root", wrong)).toEqual({
        exitCode: 2,
        stdout: "",
        stderr: `oom-guard: --root=${wrong}: must be a directory that exists\n`,
      });
    }
    expect(tree()).toEqual(["file"]);
  });

  test.skipIf(binary === "" || !canMount).each([["install"], ["uninstall"]])(
    "%s of the live system by somebody who is not root",
    (command) => {
      const copy = at("oom-guard");
      copyFileSync(binary, copy);
      chmodSync(copy, 0o755);
      chmodSync(root, 0o755);
      const { exitCode, stderr } = Bun.spawnSync([
        "setpriv",
        "--reuid=65534",
        "--clear-groups",
        copy,
        command,
      ]);
      expect({ exitCode, stderr: stderr.toString() }).toEqual({
        exitCode: 1,
        stderr: `oom-guard: ${command} must be started as root, or with --root DIR for a directory of your own\n`,
      });
    },
  );
});

test("from its source it does not install Bun under its own name", () => {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...source(), "install", "--root", root]);
  expect({ exitCode, stdout: `${stdout}`, stderr: `${stderr}` }).toEqual({
    exitCode: 1,
    stdout: "",
    stderr: "oom-guard: only the built executable can install itself: npm run build\n",
  });
  expect(tree()).toEqual([]);
});
