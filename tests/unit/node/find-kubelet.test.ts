import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { findKubelet } from "../../../src/node/find-kubelet.ts";

const M = 2 ** 20;
const CAPACITY = 8192 * M;
const HEAD = "kind: KubeletConfiguration\n";
const HARD = `${HEAD}evictionHard:\n  memory.available: `;

let scratch: string;
let made = 0;
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "oom-guard-kubelet-"));
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

interface Process {
  readonly comm?: string;
  readonly args?: readonly string[];
  readonly cgroup?: string;
  /** What it sees as its files. */
  readonly files?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

function procOf(processes: Readonly<Record<string, Process>>): string {
  const proc = join(scratch, String(made++));
  mkdirSync(proc);
  for (const [
    pid,
    { comm = "kubelet", args = [], cgroup = "/system.slice/kubelet.service", files = {}, cwd = "/" },
  ] of Object.entries(processes)) {
    const directory = join(proc, pid);
    mkdirSync(join(directory, "root"), { recursive: true });
    writeFileSync(join(directory, "comm"), `${comm}\n`);
    writeFileSync(join(directory, "cmdline"), ["/usr/bin/kubelet", ...args, ""].join("\0"));
    writeFileSync(join(directory, "cgroup"), `4:memory:${cgroup}\n`);
    for (const [path, text] of Object.entries(files)) {
      const inside = join(directory, "root", path);
      mkdirSync(dirname(inside), { recursive: true });
      writeFileSync(inside, text);
    }
    symlinkSync(join(directory, "root", cwd), join(directory, "cwd"));
  }
  return proc;
}

const config = "--config=/etc/kubelet.yaml";
const file = (threshold: string) => ({ "/etc/kubelet.yaml": `${HARD}${threshold}\n` });

test.each<[string, Record<string, Process>, number | null]>([
  ["that says nothing has the default", { 7: {} }, 100 * M],
  ["has what its file says", { 7: { args: [config], files: file("300Mi") } }, 300 * M],
  ["has a share of the capacity", { 7: { args: [config], files: file("'25%'") } }, 2048 * M],
  [
    "has what its command line says before that",
    { 7: { args: [config, "--eviction-hard=memory.available<1Gi"], files: file("300Mi") } },
    1024 * M,
  ],
  ["without thresholds has none", { 7: { args: ["--eviction-hard="] } }, null],
  [
    "finds a relative path from where it is",
    { 7: { args: ["--config=kubelet.yaml"], files: file("300Mi"), cwd: "/etc" } },
    300 * M,
  ],
  [
    "has drop-ins in the order of their names, and no other file of that folder",
    {
      7: {
        args: [config, "--config-dir=/etc/kubelet.d"],
        files: {
          ...file("300Mi"),
          "/etc/kubelet.d/20-b.conf": `${HARD}500Mi\n`,
          "/etc/kubelet.d/10-a.conf": `${HARD}400Mi\n`,
          "/etc/kubelet.d/30-c.conf.old": `${HARD}600Mi\n`,
        },
      },
    },
    500 * M,
  ],
  [
    "is not one of a pod's, which may call its process so",
    { 7: { args: [config], files: file("300Mi") }, 9: { cgroup: "/kubepods/burstable/podx/y" } },
    300 * M,
  ],
  [
    "is known by its name",
    { 5: { comm: "kubelet-x" }, 6: { comm: "kube-proxy" }, 7: { args: [config], files: file("300Mi") } },
    300 * M,
  ],
  ["may be several that agree", { 7: {}, 8: {} }, 100 * M],
])("a kubelet %s", (_promise, processes, expected) => {
  expect(findKubelet(procOf(processes), CAPACITY)).toEqual({
    ok: true,
    value: { evictionThresholdBytes: expected, limitsPods: true },
  });
});

test.each<[string, Record<string, Process>, string]>([
  ["there is none", { 7: { comm: "k3s-server" } }, "no kubelet runs here"],
  ["several differ", { 7: {}, 8: { args: ["--eviction-hard="] } }, "several kubelets run here and differ"],
  ["its file is gone", { 7: { args: [config] } }, "kubelet's configuration cannot be read"],
  [
    "its file is another's",
    { 7: { args: [config], files: { "/etc/kubelet.yaml": "kind: Pod\n" } } },
    "kubelet's configuration cannot be read",
  ],
  [
    "a drop-in cannot be read",
    { 7: { args: ["--config-dir=/d"], files: { "/d/a.conf": "}" } } },
    "kubelet's configuration cannot be read",
  ],
  [
    "its threshold is none that kubelet would take",
    { 7: { args: ["--eviction-hard=memory.available<lots"] } },
    "kubelet's threshold for memory.available cannot be read",
  ],
])("where %s nothing is guessed", (_promise, processes, why) => {
  expect(findKubelet(procOf(processes), CAPACITY)).toEqual({ ok: false, why });
});

test("without /proc there is none", () => {
  expect(findKubelet(join(scratch, "nowhere"), CAPACITY)).toEqual({ ok: false, why: "no kubelet runs here" });
});

test("whether it limits the pods' cgroup: its command line before its file", () => {
  const files = { "/etc/kubelet.yaml": `${HEAD}enforceNodeAllocatable: [none]\n` };
  const limits = (...args: string[]) =>
    findKubelet(procOf({ 7: { args: [config, ...args], files } }), CAPACITY);
  expect(limits()).toMatchObject({ value: { limitsPods: false } });
  expect(limits("--enforce-node-allocatable=pods")).toMatchObject({ value: { limitsPods: true } });
});
