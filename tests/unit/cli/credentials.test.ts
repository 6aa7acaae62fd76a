import { expect, test } from "bun:test";
import { resolve } from "node:path";

const ROOT = resolve(import.meta.dir, "../../..");

/** May a process leave a core file (PR_GET_DUMPABLE) after it asked for the pods of its node? */
function dumpableAfterAsking(kubeconfig: string): string {
  const script = `
    import { libc } from "${ROOT}/ffi/libc.ts";
    import { defaults } from "${ROOT}/src/config/defaults.ts";
    import { listNodePods } from "${ROOT}/src/cli/list-node-pods.ts";
    await listNodePods({ ...defaults, kubernetes: { kubeconfig: ${JSON.stringify(kubeconfig)}, nodeName: "n" } }, 100);
    console.log(libc.prctl(3, 0, 0, 0, 0));`;
  const { stdout, stderr } = Bun.spawnSync([process.execPath, "-e", script]);
  return (stdout.toString() + stderr.toString()).trim();
}

test("a command that reads the credentials leaves no core file, one that does not read them may", () => {
  expect(dumpableAfterAsking("/nowhere/kubeconfig")).toBe("0");
  expect(dumpableAfterAsking("off")).toBe("1");
});
