import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { TextFile } from "../../../../src/report/metrics/text-file.ts";
import { scratch } from "../../record/tiny-disk.ts";
import { keptLog } from "./log-kept.ts";

let dir: ReturnType<typeof scratch>;
let path: string;
let text: string;
let kept: ReturnType<typeof keptLog>;
let file: TextFile;
let nowMs: number;

beforeEach(() => {
  dir = scratch();
  path = `${dir.path}/guard.prom`;
  text = "up 1\n";
  nowMs = 0;
  kept = keptLog();
  file = new TextFile(() => Promise.resolve(text), kept.log);
});
afterEach(async () => {
  await file.stop();
  dir[Symbol.dispose]();
});

const read = () => (existsSync(path) ? readFileSync(path, "utf8") : null);

/** Lets a time pass and what is due then be written. */
function pass(ms: number): Promise<void> {
  nowMs += ms;
  return file.tick(nowMs);
}

test("is written at once, and then every 15 seconds", async () => {
  await file.write(path);
  await pass(0);
  expect(read()).toBe("up 1\n");
  text = "up 2\n";
  await pass(14_000);
  expect(read()).toBe("up 1\n");
  await pass(1000);
  expect(read()).toBe("up 2\n");
});

test("may be read by everybody, whatever the umask", async () => {
  const before = process.umask(0o077);
  try {
    await file.write(path);
    await pass(0);
  } finally {
    process.umask(before);
  }
  expect(statSync(path).mode & 0o777).toBe(0o644);
});

test("is replaced as a whole: who has it open reads on in the old one, and nothing else lies about", async () => {
  await file.write(path);
  await pass(0);
  const reader = openSync(path, "r");
  text = "up 2\n";
  await pass(15_000);
  expect(readFileSync(reader, "utf8")).toBe("up 1\n");
  closeSync(reader);
  expect(readdirSync(dir.path)).toEqual(["guard.prom"]);
});

test("is there and whole at every moment, however long the writing takes", async () => {
  text = `${"x".repeat(16 * 2 ** 20)}\n`;
  await file.write(path);
  await pass(0);
  for (let i = 0; i < 5; i++) {
    let isWriting = true;
    void pass(15_000).finally(() => {
      isWriting = false;
    });
    while (isWriting) {
      expect(statSync(path).size).toBe(text.length);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
});

test("a link in the place of the file it is prepared in leads nowhere", async () => {
  const victim = `${dir.path}/victim`;
  writeFileSync(victim, "precious");
  symlinkSync(victim, `${path}.tmp`);
  await file.write(path);
  await pass(0);
  expect(readFileSync(victim, "utf8")).toBe("precious");
  expect(lstatSync(path).isFile()).toBe(true);
});

test("what an earlier process left half written is no hindrance", async () => {
  writeFileSync(`${path}.tmp`, "u");
  await file.write(path);
  await pass(0);
  expect(read()).toBe("up 1\n");
});

test("is removed when it is no longer wanted, as when the guard stops", async () => {
  await file.write(path);
  await pass(0);
  await file.write(`${dir.path}/other.prom`);
  await pass(0);
  expect(readdirSync(dir.path)).toEqual(["other.prom"]);
  await file.stop();
  expect(readdirSync(dir.path)).toEqual([]);
});

test("one that this guard has not written stays", async () => {
  writeFileSync(path, "somebody's");
  await file.write(path);
  await file.stop();
  expect(read()).toBe("somebody's");
});

test("the same path again changes nothing", async () => {
  await file.write(path);
  await pass(0);
  const { ino } = statSync(path);
  await file.write(path);
  await pass(1000);
  expect(statSync(path).ino).toBe(ino);
});

describe("a file that cannot be written", () => {
  test("is said once, and when it can be written again", async () => {
    const folder = `${dir.path}/folder`;
    path = `${folder}/guard.prom`;
    await file.write(path);
    for (let i = 0; i < 3; i++) await pass(15_000);
    expect(kept.said).toEqual([
      expect.stringMatching(/^warn textfile-not-written: the file for metrics cannot be written: ENOENT/),
    ]);
    mkdirSync(folder);
    await pass(15_000);
    expect(read()).toBe("up 1\n");
    expect(kept.said.slice(1)).toEqual([`info textfile-written: metrics are written to ${path} again`]);
    rmSync(folder, { recursive: true });
    await pass(15_000);
    expect(kept.said).toHaveLength(3);
  });

  test("because its metrics cannot be made, either", async () => {
    file = new TextFile(() => Promise.reject(new Error("no metrics")), kept.log);
    await file.write(path);
    await pass(0);
    expect(kept.said).toEqual([expect.stringContaining("no metrics")]);
    expect(readdirSync(dir.path)).toEqual([]);
  });
});

test("while one writing takes its time there is no second one, and stop waits for it", async () => {
  const made = Promise.withResolvers<string>();
  let asked = 0;
  file = new TextFile(() => {
    asked++;
    return made.promise;
  }, kept.log);
  await file.write(path);
  const written = pass(0);
  void pass(15_000);
  expect(asked).toBe(1);
  const stopped = file.stop();
  made.resolve("late");
  await Promise.all([stopped, written]);
  expect(readdirSync(dir.path)).toEqual([]);
});
