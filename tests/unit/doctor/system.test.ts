import { describe, expect, test } from "bun:test";
import { defaults } from "../../../src/config/defaults.ts";
import { locateMemory } from "../../../src/discover/locate-memory.ts";
import { checkConfiguration } from "../../../src/doctor/configuration.ts";
import { checkController } from "../../../src/doctor/controller.ts";
import { checkHierarchy } from "../../../src/doctor/hierarchy.ts";
import { checkKernel } from "../../../src/doctor/kernel.ts";
import { checkRoot } from "../../../src/doctor/root.ts";
import { tree } from "./tree.ts";

describe("root:", () => {
  const status = (capEff: string) => ({ "self/status": `Name:\toom-guard\nCapEff:\t${capEff}\n` });
  test.each([
    ["root with every right", 0, status("000001ffffffffff"), "ok", "runs as root", null],
    ["root where rights cannot be read", 0, {}, "ok", "runs as root", null],
    [
      "somebody else",
      1000,
      {},
      "fail",
      "runs as uid 1000: the guard kills processes of others",
      "run as root",
    ],
    [
      "root that may not kill",
      0,
      status("000001ffffffffdf"),
      "fail",
      "root, but without CAP_KILL",
      "give it CAP_KILL (CapabilityBoundingSet= of its unit)",
    ],
    [
      "root with no rights",
      0,
      status("0000000000000000"),
      "fail",
      "root, but without CAP_DAC_OVERRIDE and CAP_KILL",
      "give it CAP_DAC_OVERRIDE and CAP_KILL (CapabilityBoundingSet= of its unit)",
    ],
  ] as const)("%s", (_, uid, files, outcome, detail, fix) => {
    expect(checkRoot(uid, tree(files))).toEqual({ outcome, detail, fix });
  });
});

describe("config:", () => {
  test("a file that was read is named", () => {
    const loaded = { ok: true, config: defaults, source: "/etc/x.toml" } as const;
    expect(checkConfiguration(loaded)).toMatchObject({ outcome: "ok", detail: "/etc/x.toml" });
  });

  test("no file means defaults", () => {
    const loaded = { ok: true, config: defaults, source: null } as const;
    expect(checkConfiguration(loaded)).toMatchObject({
      outcome: "ok",
      detail: "defaults, there is no /etc/oom-guard/config.toml",
    });
  });

  test("a file that is wrong fails with the config's own words", () => {
    const message = "config /etc/x.toml: policy = 1: must be one of process, container, noop";
    expect(checkConfiguration({ ok: false, message })).toEqual({
      outcome: "fail",
      detail: `${message}; the other checks go by the defaults`,
      fix: "correct it; oom-guard print config shows every key",
    });
  });
});

describe("kernel:", () => {
  const handled = "takes thresholds in pages (handled), tells of no OOM kills but by notification";
  test.each([
    ["6.18.44", "allow", "ok", "Linux 6.18.44, x64"],
    ["4.13.0", "allow", "ok", "Linux 4.13.0, x64"],
    ["4.12.14-sp", "allow", "ok", "Linux 4.12.14-sp, x64, tells of OOM kills by notification only"],
    ["3.10.0-514.el7.x86_64", "allow", "ok", `Linux 3.10.0-514.el7.x86_64, x64, ${handled}`],
    ["2.6.32-754", "allow", "warn", expect.stringContaining("older than any it was tried on")],
    ["3.10.0-1160.el7.x86_64", "hold", "warn", expect.stringContaining("can hang the node")],
    ["3.12.0", "hold", "ok", expect.stringContaining("Linux 3.12.0")],
    ["something else", "hold", "ok", "Linux something else, x64"],
  ] as const)("%s, kernel_oom %s: %s", (release, kernelOom, outcome, detail) => {
    const found = checkKernel({ release, arch: "x64" }, kernelOom);
    expect(found).toMatchObject({ outcome, detail });
    expect(found.fix === null).toBe(outcome === "ok");
  });
});

describe("hierarchy:", () => {
  const v1 = "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n";
  const v2 = "cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0\n";
  const look = (mounts: string, cgroupMount: string) => {
    const procRoot = tree({ "self/mounts": mounts });
    return checkHierarchy(locateMemory(cgroupMount, procRoot), procRoot);
  };
  const legacy = "boot with systemd.unified_cgroup_hierarchy=0, or name the mount with cgroup_mount";

  test.each([
    ["v1", v1, "ok", "cgroup v1 at /sys/fs/cgroup/memory", null],
    ["hybrid", v2 + v1, "ok", "cgroup v1 at /sys/fs/cgroup/memory, beside a unified one (hybrid)", null],
    ["v2 only", v2, "fail", "only cgroup v2 is mounted, which this version does not guard yet", legacy],
    ["nothing", "proc /proc proc rw 0 0\n", "fail", "no memory cgroup is mounted", legacy],
  ] as const)("%s", (_, mounts, outcome, detail, fix) => {
    expect(look(mounts, "auto")).toEqual({ outcome, detail, fix });
  });

  test("the mount that cgroup_mount names is believed, when it is one", () => {
    const mount = tree({ "memory.usage_in_bytes": "0\n" });
    expect(look(v2, mount)).toMatchObject({
      outcome: "ok",
      detail: expect.stringContaining(`v1 at ${mount}`),
    });
    expect(look(v1, "/nonexistent")).toEqual({
      outcome: "fail",
      detail:
        "cgroup_mount /nonexistent is not a cgroup v1 memory hierarchy, it has no memory.usage_in_bytes",
      fix: 'set cgroup_mount to where the memory controller is mounted, or to "auto"',
    });
  });
});

describe("controller:", () => {
  const table = (memory: string) =>
    `#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t3\t1\t1\n${memory}pids\t9\t12\t1\n`;
  const off = table("memory\t0\t1\t0\n");
  test.each([
    ["on", { cgroups: table("memory\t4\t27\t1\n") }, "ok", "the memory controller is on, 27 cgroups", null],
    [
      "off by the kernel command line",
      { cgroups: off, cmdline: "quiet cgroup_disable=memory ro\n" },
      "fail",
      "the memory controller is off: cgroup_disable=memory",
      "take cgroup_disable=memory off the kernel command line and reboot",
    ],
    [
      "off by default",
      { cgroups: off, cmdline: "quiet\n" },
      "fail",
      "the memory controller is off",
      "boot with cgroup_enable=memory on the kernel command line",
    ],
    [
      "not built",
      { cgroups: table("") },
      "fail",
      "the kernel has no memory controller",
      "use a kernel with CONFIG_MEMCG (and CONFIG_MEMCG_V1)",
    ],
    [
      "no cgroups at all",
      {},
      "fail",
      "the kernel has no control groups",
      "use a kernel with CONFIG_CGROUPS and CONFIG_MEMCG",
    ],
  ] as const)("%s", (_, files, outcome, detail, fix) => {
    expect(checkController(tree(files))).toEqual({ outcome, detail, fix });
  });
});
