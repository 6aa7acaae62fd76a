import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LogFormat, LogLevel } from "../../../src/config/config.ts";
import { createLog, type Log } from "../../../src/report/log.ts";
import { MAX_LINE_BYTES } from "../../../src/report/log-line.ts";
import type { LogTarget } from "../../../src/report/stderr.ts";
import { wantsColor, wantsUnicode } from "../../../src/report/style.ts";
import { hostileNames, UNSAFE } from "./hostile.ts";

/** Nobody is there, on a machine with systemd neither. */
const journalSocket = "/nonexistent/journal/socket";

/** A target that keeps what it is given, and may be told to take nothing. */
function keeping(about: Partial<LogTarget> = {}) {
  const lines: string[] = [];
  const state = { open: true };
  const target: LogTarget = {
    isTty: false,
    isJournal: false,
    write(line) {
      if (state.open) lines.push(line);
      return state.open;
    },
    ...about,
  };
  return { target, lines, state };
}

function speak(log: Log, level: LogLevel, message: string): void {
  if (level === "debug") log.debug(message);
  else log[level]("guarding", message);
}

function said(format: LogFormat, about: Partial<LogTarget> = {}, env = {}): string {
  const { target, lines } = keeping(about);
  createLog({ format, level: "info", env, target, journalSocket }).warn("store-failed", "disk full", {
    path: "/var/lib",
    left: 0,
    note: "a b",
    x: null,
  });
  return lines.join("");
}

const fields = 'path=/var/lib left=0 note="a b" x=null';
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /;

describe("formats", () => {
  test("text has a time", () => {
    expect(said("text")).toMatch(time);
    expect(said("text").replace(time, "")).toBe(`warn  disk full ${fields}\n`);
  });

  test("text has no time where the journal adds one", () => {
    expect(said("text", { isJournal: true })).toBe(`warn  disk full ${fields}\n`);
  });

  test("journal has the priority, and no time", () =>
    expect(said("journal")).toBe(`<4>disk full ${fields}\n`));

  test("json is an object in a line", () => {
    const { time: when, ...rest } = JSON.parse(said("json"));
    expect(`${when} `).toMatch(time);
    expect(rest).toEqual({
      level: "warn",
      msg: "disk full",
      fields: { path: "/var/lib", left: 0, note: "a b", x: null },
    });
  });

  test.each([
    ["is journal under journald", { isJournal: true }, /^<4>/],
    ["is text elsewhere", { isJournal: false }, time],
  ])("auto %s", (_promise, about, expected) => expect(said("auto", about)).toMatch(expected));

  test.each([
    ["error", "<3>"],
    ["warn", "<4>"],
    ["info", "<6>"],
    ["debug", "<7>"],
  ] as const)("%s has priority %s", (level, prefix) => {
    const { target, lines } = keeping();
    const log = createLog({ format: "journal", level: "debug", env: {}, target, journalSocket });
    speak(log, level, "x");
    expect(lines).toEqual([`${prefix}x\n`]);
  });
});

describe("colour", () => {
  test.each([
    ["on a terminal", { isTty: true }, {}, true],
    ["not in a file", { isTty: false }, {}, false],
    ["not with NO_COLOR", { isTty: true }, { NO_COLOR: "1" }, false],
    ["with an empty NO_COLOR, which does not count", { isTty: true }, { NO_COLOR: "" }, true],
    ["not on a dumb terminal", { isTty: true }, { TERM: "dumb" }, false],
  ])("%s", (_promise, about, env, expected) => {
    expect(said("text", about, env).includes("\x1b[33mwarn")).toBe(expected);
    expect(wantsColor(about.isTty, env)).toBe(expected);
  });

  test("never in json or for the journal", () => {
    expect(said("json", { isTty: true })).not.toContain("\\u001b");
    expect(said("journal", { isTty: true })).not.toContain("\x1b");
  });

  test.each([
    [{ LANG: "en_US.UTF-8" }, true],
    [{ LANG: "C.utf8" }, true],
    [{ LANG: "C" }, false],
    [{}, false],
    [{ LANG: "C", LC_ALL: "C.UTF-8" }, true],
    [{ LANG: "C.UTF-8", LC_CTYPE: "POSIX" }, false],
    [{ LANG: "C.UTF-8", LC_ALL: "" }, true],
  ])("the locale %o is UTF-8: %p", (env, expected) => expect(wantsUnicode(env)).toBe(expected));
});

describe("levels", () => {
  test("what is below the level is not said; it can change", () => {
    const { target, lines } = keeping();
    const log = createLog({ format: "journal", level: "warn", env: {}, target, journalSocket });
    const all = () => {
      lines.length = 0;
      for (const level of ["error", "warn", "info", "debug"] as const) speak(log, level, level);
      return lines.map((line) => line.slice(3, -1));
    };
    expect(all()).toEqual(["error", "warn"]);
    log.setLevel("debug");
    expect(all()).toEqual(["error", "warn", "info", "debug"]);
    log.setLevel("error");
    expect(all()).toEqual(["error"]);
  });

  test("the same thing twenty times is said twenty times: only `once` holds back", () => {
    const { target, lines } = keeping();
    const log = createLog({ format: "journal", level: "info", env: {}, target, journalSocket });
    for (let i = 0; i < 20; i++) log.info("kill", "killed");
    expect(lines).toHaveLength(20);
  });
});

describe("once", () => {
  const fresh = () => {
    const { target, lines } = keeping();
    return { log: createLog({ format: "journal", level: "info", env: {}, target, journalSocket }), lines };
  };

  test("is said once per cause, until it is resolved", () => {
    const { log, lines } = fresh();
    for (let i = 0; i < 3; i++) log.once("store-failed", "disk", "error", "disk full");
    log.once("api-server-outage", "api", "warn", "API server away");
    log.resolved("store-recovered", "disk", "info", "disk has room again");
    log.resolved("store-recovered", "disk", "info", "disk has room again");
    log.once("store-failed", "disk", "error", "disk full");
    expect(lines).toEqual([
      "<3>disk full\n",
      "<4>API server away\n",
      "<6>disk has room again\n",
      "<3>disk full\n",
    ]);
  });

  test("what was never said is not resolved aloud", () => {
    const { log, lines } = fresh();
    log.resolved("store-recovered", "disk", "info", "disk has room again");
    expect(lines).toEqual([]);
  });

  test("remembers a bounded number of causes, the newest", () => {
    const { log, lines } = fresh();
    for (let i = 0; i < 5000; i++) log.once("settled", `k${i}`, "info", "x");
    lines.length = 0;
    for (let i = 4999; i > 4999 - 1024; i--) log.once("settled", `k${i}`, "info", "x");
    expect(lines).toEqual([]);
    log.once("settled", "k0", "info", "x");
    expect(lines).toHaveLength(1);
  });
});

describe("hostile text", () => {
  test.each(hostileNames)("is one safe line in every format: %s", (_promise, name) => {
    for (const format of ["text", "json", "journal"] as const) {
      const { target, lines } = keeping();
      const log = createLog({ format, level: "info", env: {}, target, journalSocket });
      log.error("stuck", name, { pod: name, [name]: name, n: Number.NaN });
      log.once("stuck", name, "warn", name, { pod: name });
      log.resolved("settled", name, "info", name);
      expect(lines).toHaveLength(3);
      for (const line of lines) {
        expect(line).toEndWith("\n");
        expect(line.slice(0, -1)).not.toContain("\n");
        expect(line).not.toMatch(UNSAFE);
        expect(Buffer.byteLength(line)).toBeLessThanOrEqual(MAX_LINE_BYTES);
        if (format === "json") expect(typeof JSON.parse(line).msg).toBe("string");
        if (format === "journal") expect(line).toMatch(/^<[346]>/);
      }
    }
  });

  test.each(["text", "json", "journal"] as const)(
    "a line with too much in it is cut to what a pipe takes whole: %s",
    (format) => {
      for (const filler of ["x", "日", '"', "\\", "\x01", "😀"]) {
        const { target, lines } = keeping();
        const long = filler.repeat(5000);
        const many = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`field${i}`, long]));
        createLog({ format, level: "info", env: {}, target, journalSocket }).info("guarding", long, many);
        expect(Buffer.byteLength(lines[0] ?? "")).toBeLessThanOrEqual(MAX_LINE_BYTES);
        expect(lines[0]).toEndWith("\n");
        if (format === "json") expect(JSON.parse(lines[0] ?? "").cut).toBeGreaterThan(40);
      }
    },
  );

  test("a field cannot pretend to be two", () => {
    const { target, lines } = keeping();
    createLog({ format: "journal", level: "info", env: {}, target, journalSocket }).info("guarding", "x", {
      pod: 'a" node="b',
      empty: "",
    });
    expect(lines).toEqual(['<6>x pod="a\\" node=\\"b" empty=""\n']);
  });
});

describe("a target that takes nothing", () => {
  test("what was lost is said when lines go through again", () => {
    const { target, lines, state } = keeping();
    const log = createLog({ format: "journal", level: "info", env: {}, target, journalSocket });
    log.info("guarding", "before");
    state.open = false;
    for (let i = 0; i < 3; i++) log.info("guarding", "lost");
    state.open = true;
    log.error("guarding", "after");
    log.error("guarding", "and on");
    expect(lines).toEqual(["<6>before\n", "<4>3 log lines were lost here\n", "<3>after\n", "<3>and on\n"]);
  });
});

describe("standard error", () => {
  const talker = join(import.meta.dir, "log-talker.ts");
  const command = (how: string, lines = 2000) => `exec ${process.execPath} ${talker} ${how} ${lines}`;

  test.each([
    ["a pipe nobody reads", "text", (run: string) => `{ ${run} ; } 2> >(exec sleep 1)`],
    ["a pipe whose reader is gone", "text", (run: string) => `{ sleep 0.3; ${run} ; } 2> >(exec true)`],
    ["a full disk", "json", (run: string) => `${run} 2>/dev/full`],
    ["nothing at all", "journal", (run: string) => `${run} 2>&-`],
  ])("%s neither blocks nor breaks the daemon", async (_promise, format, shell) => {
    const child = Bun.spawn(["bash", "-c", shell(command(format))], { stdout: "pipe", stderr: "ignore" });
    const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
    const answer = await child.stdout.getReader().read();
    clearTimeout(timer);
    child.kill("SIGKILL");
    expect(new TextDecoder().decode(answer.value)).toBe("done\n");
  });

  test("a slow reader gets as many whole lines as the pipe takes", async () => {
    const shell = `exec 3>&1; ${command("journal", 500)} 2> >(sleep 1; exec cat >&3) 3>&- >/dev/null`;
    const child = Bun.spawn(["bash", "-c", shell], { stdout: "pipe", stderr: "ignore" });
    const lines = (await new Response(child.stdout).text()).split("\n").slice(0, -1);
    expect(lines.length).toBeGreaterThan(30);
    for (const line of lines) expect(line).toMatch(/^<6>\d+ x{900}$/);
  });

  test.each([
    ["auto is journal when JOURNAL_STREAM names this stream", true],
    ["auto is text when JOURNAL_STREAM names another, inherited", false],
  ])("%s", (_promise, same) => {
    const dir = mkdtempSync(join(tmpdir(), "oom-guard-test-"));
    const file = join(dir, "err");
    const stream = same ? `$(stat -c %d:%i ${file})` : "1:2";
    const { exitCode } = Bun.spawnSync([
      "bash",
      "-c",
      `: >${file}; export JOURNAL_STREAM=${stream}; ${command("auto", 1)} 2>${file}`,
    ]);
    const text = readFileSync(file, "utf8");
    rmSync(dir, { recursive: true });
    expect(exitCode).toBe(0);
    expect(text).toMatch(same ? /^<6>0 x{900}\n$/ : /^\d{4}-.*Z info {2}0 x{900}\n$/);
  });
});
