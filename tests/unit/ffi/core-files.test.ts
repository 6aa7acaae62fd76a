import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** What a process that aborts leaves in its directory. */
function leftBehind(forbid: boolean): string[] {
  const directory = mkdtempSync(join(tmpdir(), "core-"));
  const library = resolve(import.meta.dir, "../../../ffi/process.ts");
  const script = `import { forbidCoreFiles } from ${JSON.stringify(library)};
    if (${forbid}) forbidCoreFiles();
    process.kill(process.pid, "SIGABRT");`;
  const shell = ["sh", "-c", `ulimit -c unlimited; exec "$@"`, "sh"];
  try {
    Bun.spawnSync([...shell, process.execPath, "-e", script], { cwd: directory });
    return readdirSync(directory).filter((name) => name.startsWith("core"));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

// Where core_pattern is a pipe or a path elsewhere, the file would not be here to be seen.
const seen = /^core/.test(readFileSync("/proc/sys/kernel/core_pattern", "utf8"));

test("a process that holds credentials leaves no core file when it crashes", () => {
  if (seen) expect(leftBehind(false)).not.toEqual([]);
  expect(leftBehind(true)).toEqual([]);
});
