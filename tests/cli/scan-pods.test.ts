import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { source } from "./oom-guard.ts";

const listNodePods = join(import.meta.dir, "../../src/cli/list-node-pods.ts");
let mount = "";

beforeAll(() => {
  mount = mkdtempSync(join(tmpdir(), "oom-guard-scan-"));
  writeFileSync(join(mount, "memory.usage_in_bytes"), "0\n");
  writeFileSync(join(mount, "config.toml"), `cgroup_mount = "${mount}"\n[runtime]\nsockets = []\n`);
});

afterAll(() => rmSync(mount, { recursive: true }));

/** The program's source with an API server that answers as the code says. Only the source can be given a preload. */
function started(answer: string, ...args: string[]) {
  const preload = join(mount, "preload.ts");
  const code = `import { mock } from "bun:test";
    const fails = (kind, message) => Promise.resolve({ ok: false, error: Object.assign(new Error(message), { kind }) });
    mock.module(${JSON.stringify(listNodePods)}, () => ({ listNodePods: () => ${answer} }));`;
  writeFileSync(preload, code);
  const command = [...source("--preload", preload), ...args, "--config", join(mount, "config.toml")];
  return Bun.spawn(command, { stdout: "pipe", stderr: "pipe", timeout: 10_000, killSignal: "SIGKILL" });
}

describe("scan with an API server that", () => {
  test.each<[string, string, string]>([
    [
      "refuses says so in one line",
      'fails("forbidden", "pods are\\nforbidden")',
      "oom-guard: requests and limits are not known: pods are\\x0aforbidden\n",
    ],
    [
      "hangs does not wait for long",
      "new Promise(() => undefined)",
      "oom-guard: requests and limits are not known: the API server did not answer within 2 s\n",
    ],
    ["is not configured says nothing", 'fails("unconfigured", "none")', ""],
    ["answers says nothing", "Promise.resolve({ ok: true, value: [] })", ""],
  ])("%s, and the table is printed", async (_, answer, expected) => {
    const child = started(answer, "scan");
    expect(await child.stderr.text()).toBe(expected);
    expect(await child.stdout.text()).toContain("No limited cgroup");
    expect(await child.exited).toBe(0);
  });

  test("refuses is told of once by --watch", async () => {
    const child = started('fails("forbidden", "forbidden")', "scan", "--watch");
    let shown = "";
    for await (const bytes of child.stdout) {
      shown += new TextDecoder().decode(bytes);
      if (shown.split("No limited cgroup").length > 2) break;
    }
    child.kill("SIGKILL");
    expect(await child.stderr.text()).toBe("oom-guard: requests and limits are not known: forbidden\n");
  });
});

test("explain tells of missing names when it finds nothing", async () => {
  const child = started('fails("forbidden", "forbidden")', "explain", "shop/web");
  expect(await child.stderr.text()).toEndWith("; the API server's names are not known: forbidden\n");
  expect(await child.exited).toBe(1);
});
