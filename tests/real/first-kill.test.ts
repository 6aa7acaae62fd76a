import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { MIB, TestCgroup } from "../support/cgroup.ts";
import { TestGuard } from "../support/guard.ts";
import { startLeak } from "../support/leak.ts";
import { patient, pause } from "../support/patience.ts";
import { missingLeak } from "../support/requirements.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(patient(60_000));

// The engine's own options, for its developers (Options.h of JavaScriptCore).
const TELLING = { BUN_JSC_verboseOSR: "1", BUN_JSC_dumpDFGDisassembly: "1" };

/** How often the engine found that it had compiled something for other values than those that came, and went back. */
function stepsBack(text: string): string[] {
  return text.split("\n").filter((line) => /^(Generated JIT code for .* OSR exit|Jettisoning) /.test(line));
}

describe.skipIf(missingLeak() !== null)("the first kill", () => {
  let top: TestCgroup;
  let cgroup: TestCgroup;
  let guard: TestGuard;

  beforeEach(async () => {
    top = TestCgroup.top();
    cgroup = top.child("first", 100 * MIB);
    guard = await TestGuard.start({ roots: [top.path], env: TELLING });
  });

  afterEach(async () => {
    await guard.stop();
    await top.remove();
  });

  test("goes through code that was compiled for what a kill is like", async () => {
    await pause(1000);
    const before = guard.text.length;
    const leak = await startLeak({ procsFile: cgroup.procsFile, megabytes: 200, rateMbPerS: 400 });
    expect(await leak.exited).toBe(137);
    await until("the kill is told", () => guard.incidents(cgroup.path).length === 1);
    // One or two in the sentinel and some in what main does afterwards; 25 where the rehearsals are not like a kill.
    expect(stepsBack(guard.text.slice(before)).length).toBeLessThan(12);
  });
});
