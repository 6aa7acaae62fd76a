import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runFile } from "../../runner/run-file.ts";
import { alive } from "../../support/processes.ts";

const folder = mkdtempSync(join(tmpdir(), "oom-guard-runner-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs a test file with this content. */
function run(content: string, limitMs = 20_000) {
  const path = join(folder, "sample.test.ts");
  writeFileSync(path, `import { expect, test } from "bun:test";\n${content}`);
  return runFile({ path, limitMs }, join(folder, "out")).result;
}

test("passed, failed and skipped tests are counted, reasons once", async () => {
  const result = await run(`
    const { appendFileSync } = await import("node:fs");
    for (let i = 0; i < 2; i++) appendFileSync(process.env.OOM_GUARD_TEST_SKIPS_LOG, "no gcc: install it\\n");
    test("good", () => {});
    test("bad", () => expect(1).toBe(2));
    test.skip("absent", () => {});`);
  expect(result).toMatchObject({ passed: 1, skipped: 1, skipReasons: ["no gcc: install it"], leftovers: [] });
  expect(result.failures.map(({ name }) => name)).toEqual(["bad"]);
});

test("a file that ends without a report has failed", async () => {
  const { failures, passed } = await run(`test("dies", () => process.kill(process.pid, "SIGKILL"));`);
  expect(passed).toBe(0);
  expect(failures).toHaveLength(1);
  expect(failures[0]?.message).toStartWith("ended by SIGKILL");
});

test("a file that breaks outside of its tests has failed, and its words are told", async () => {
  const { failures } = await run(`throw new Error("broken file");`);
  expect(failures).not.toHaveLength(0);
  expect(failures.map(({ message }) => message).join()).toContain("broken file");
});

test("a file without a test has failed", async () => {
  expect((await run("")).failures).toHaveLength(1);
});

test("a file that hangs is killed with all it started, however far away that went", async () => {
  const pids = join(folder, "pids");
  const started = performance.now();
  const { failures } = await run(
    `test("hangs", () => {
      const near = Bun.spawn(["sleep", "100"]);
      const far = Bun.spawn(["sleep", "100"], { detached: true });
      require("node:fs").writeFileSync("${pids}", near.pid + " " + far.pid);
      while (true);
    });`,
    1500,
  );
  expect(performance.now() - started).toBeLessThan(10_000);
  expect(failures[0]?.message).toStartWith("not over after 1.5 s: killed");
  expect(readFileSync(pids, "utf8").split(" ").map(Number).filter(alive)).toEqual([]);
});

test("what a file leaves running is ended and told", async () => {
  const { passed, leftovers } = await run(
    `test("leaves", () => { Bun.spawnSync(["sh", "-c", "sleep 100 >/dev/null 2>&1 &"]); });`,
  );
  expect(passed).toBe(1);
  expect(leftovers).toEqual([expect.stringMatching(/^sleep \(pid \d+\)$/)]);
});
