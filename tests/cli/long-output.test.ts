import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { IncidentStore } from "../../src/record/store.ts";
import { patient } from "../support/patience.ts";
import { incident } from "../unit/record/incidents.ts";
import { command } from "./oom-guard.ts";

const INCIDENTS = 2000;
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "oom-guard-long-"));
  const opened = IncidentStore.open(folder);
  if (!opened.ok) throw new Error(opened.error.message);
  for (let i = 0; i < INCIDENTS; i++) opened.value.insert(incident({ id: `i${i}`, timeMs: i }));
  opened.value.close();
});

afterAll(() => rmSync(folder, { recursive: true }));

// The first leaves fd 1 as it is, the second has it shared with a program that does not want to wait for it.
const asItIs = `exec "$@"`;
const impatient = `exec node -e 'process.stdout.write(""); process.exit(require("child_process").spawnSync(process.argv[1], process.argv.slice(2), { stdio: "inherit" }).status)' "$@"`;

test.each([
  ["a reader that takes its time", asItIs],
  ["a pipe that somebody else has made non-blocking", impatient],
])("%s gets all of a megabyte of history", (_, start) => {
  const written = join(folder, "written");
  const script = `(${start}; ) | (sleep 0.5; cat) >${written}`;
  const argv = [...command, "history", "--json", "--state-dir", folder];
  const { stderr } = Bun.spawnSync(["sh", "-c", script, "sh", ...argv], { timeout: patient(20_000) });
  expect(stderr.toString()).toBe("");
  const text = readFileSync(written, "utf8");
  expect(text.length).toBeGreaterThan(2 ** 20);
  expect((JSON.parse(text) as { incidents: unknown[] }).incidents.length).toBe(INCIDENTS);
});

test("a reader that has seen enough is no failure", () => {
  const script = `{ "$@"; echo $? >&2; } | head -c 100 >/dev/null`;
  const argv = [...command, "history", "--json", "--state-dir", folder];
  const { stderr } = Bun.spawnSync(["sh", "-c", script, "sh", ...argv], { timeout: patient(20_000) });
  expect(stderr.toString()).toBe("0\n");
});
