import { describe, expect, test } from "bun:test";
import { defaults } from "../../../src/config/defaults.ts";
import { type LocatedMemory, locateMemory } from "../../../src/discover/locate-memory.ts";
import { checkConfiguration } from "../../../src/doctor/configuration.ts";
import { checkController } from "../../../src/doctor/controller.ts";
import { checkHierarchy } from "../../../src/doctor/hierarchy.ts";
import { checkKernel } from "../../../src/doctor/kernel.ts";
import { checkKernelOom } from "../../../src/doctor/kernel-oom.ts";
import { checkMemoryHigh } from "../../../src/doctor/memory-high.ts";
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
    ["6.18.44", "ok", "Linux 6.18.44, x64"],
    ["4.13.0", "ok", "Linux 4.13.0, x64"],
    ["4.12.14-sp", "ok", "Linux 4.12.14-sp, x64, tells of OOM kills by notification only"],
    ["3.10.0-514.el7.x86_64", "ok", `Linux 3.10.0-514.el7.x86_64, x64, ${handled}`],
    ["2.6.32-754", "warn", expect.stringContaining("older than any it was tried on")],
    ["something else", "ok", "Linux something else, x64"],
  ] as const)("%s: %s", (release, outcome, detail) => {
    const found = checkKernel({ release, arch: "x64" });
    expect(found).toMatchObject({ outcome, detail });
    expect(found.fix === null).toBe(outcome === "ok");
  });
});

describe("kernel-oom:", () => {
  const hold = { ...defaults, kernelOom: "hold" as const };
  const holdByRule = {
    ...defaults,
    rules: [{ match: { namespace: "shop" }, set: { kernelOom: "hold" as const } }],
  };
  test.each([
    ["nobody asks for it", 1, defaults, "6.18.44", "skip", 'kernel_oom is "allow"'],
    ["cgroup v1", 1, hold, "6.18.44", "ok", "until the guard has killed"],
    ["a rule asks for it", 1, holdByRule, "3.12.0", "ok", "until the guard has killed"],
    ["CentOS 7", 1, hold, "3.10.0-1160.el7.x86_64", "warn", "with locks held"],
    ["cgroup v2", 2, holdByRule, "6.18.44", "warn", "memory.high"],
  ] as const)("%s (v%i): %4$s", (_, version, config, release, outcome, detail) => {
    const found = checkKernelOom(version, config, release);
    expect(found).toMatchObject({ outcome, detail: expect.stringContaining(detail) });
    expect(found.fix === null).toBe(outcome !== "warn");
  });
});

describe("hierarchy:", () => {
  const v1 = "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n";
  const unified = (controllers: string) => tree({ "cgroup.controllers": `${controllers}\n` });
  const v2At = (path: string) => `cgroup2 ${path} cgroup2 rw,relatime 0 0\n`;
  const withMemory = unified("cpuset cpu io memory pids");
  const without = unified("cpuset cpu hugetlb");
  const v2 = v2At("/sys/fs/cgroup/unified");
  const look = (mounts: string, cgroupMount: string) => {
    const procRoot = tree({ "self/mounts": mounts });
    return checkHierarchy(locateMemory(cgroupMount, procRoot), procRoot);
  };
  const noMemory = `the cgroup v2 hierarchy at ${without} has no memory controller`;
  const named = 'set cgroup_mount to where the memory controller is mounted, or to "auto"';

  test.each([
    ["v1", v1, "ok", "cgroup v1 at /sys/fs/cgroup/memory", null],
    ["hybrid", v2 + v1, "ok", "cgroup v1 at /sys/fs/cgroup/memory, beside a unified one (hybrid)", null],
    ["v2", v2At(withMemory), "ok", `cgroup v2 at ${withMemory}`, null],
    [
      "v2 without the controller",
      v2At(without),
      "fail",
      noMemory,
      "take cgroup_disable=memory off the kernel command line and reboot",
    ],
    [
      "nothing",
      "proc /proc proc rw 0 0\n",
      "fail",
      "no memory cgroup is mounted",
      "mount -t cgroup2 none /sys/fs/cgroup, or name the mount with cgroup_mount",
    ],
  ] as const)("%s", (_, mounts, outcome, detail, fix) => {
    expect(look(mounts, "auto")).toEqual({ outcome, detail, fix });
  });

  test.each([
    ["v1, where v2 is mounted", v2At(withMemory), tree({ "memory.usage_in_bytes": "0\n" }), 1],
    ["v2, where v1 is mounted", v1, withMemory, 2],
  ] as const)(
    "the mount that cgroup_mount names is believed, when it is one: %s",
    (_, mounts, mount, version) => {
      expect(look(mounts, mount)).toMatchObject({
        outcome: "ok",
        detail: expect.stringContaining(`v${version} at ${mount}`),
      });
    },
  );

  test.each([
    [
      "is no such thing",
      "/nonexistent",
      "cgroup_mount /nonexistent is not the root of a cgroup hierarchy: it has neither memory.usage_in_bytes (v1) nor cgroup.controllers (v2)",
    ],
    // On a hybrid node the v1 hierarchy has it.
    ["has no memory controller", without, noMemory],
  ])("a mount that %s fails, and the key is to be mended", (_, mount, detail) => {
    expect(look(v1, mount)).toEqual({ outcome: "fail", detail, fix: named });
  });
});

describe("controller:", () => {
  const table = (memory: string) =>
    `#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t3\t1\t1\n${memory}pids\t9\t12\t1\n`;
  const off = table("memory\t0\t1\t0\n");
  const noKernel = "use a kernel with CONFIG_MEMCG (and CONFIG_MEMCG_V1, where cgroup v2 is not mounted)";
  const disabled = [
    "the memory controller is off: cgroup_disable=memory",
    "take cgroup_disable=memory off the kernel command line and reboot",
  ] as const;
  const v1: LocatedMemory = { ok: true, mount: { version: 1, path: "/m" } };
  const none: LocatedMemory = { ok: false, problem: "", fix: "" };

  test.each([
    ["on", { cgroups: table("memory\t4\t27\t1\n") }, "ok", "the memory controller is on, 27 cgroups", null],
    [
      "off by the kernel command line",
      { cgroups: off, cmdline: "quiet cgroup_disable=memory ro\n" },
      "fail",
      ...disabled,
    ],
    [
      "off by the kernel command line, by a kernel that does not list it",
      { cgroups: table(""), cmdline: "cgroup_disable=memory" },
      "fail",
      ...disabled,
    ],
    [
      "off by default",
      { cgroups: off, cmdline: "quiet\n" },
      "fail",
      "the memory controller is off",
      "boot with cgroup_enable=memory on the kernel command line",
    ],
    ["not built", { cgroups: table("") }, "fail", "the kernel has no memory controller", noKernel],
    [
      "no cgroups at all",
      {},
      "fail",
      "the kernel has no control groups",
      "use a kernel with CONFIG_CGROUPS and CONFIG_MEMCG",
    ],
  ] as const)("%s", (_, files, outcome, detail, fix) => {
    const found = { outcome, detail, fix };
    for (const located of [v1, none]) expect(checkController(tree(files), located)).toEqual(found);
  });

  const unified = (subtree: string, rest: Readonly<Record<string, string>> = {}): LocatedMemory => {
    const path = tree({ "cgroup.subtree_control": `${subtree}\n`, ...rest });
    return { ok: true, mount: { version: 2, path } };
  };

  test("on v2 its own files tell: a kernel without the old interface leaves it out of /proc/cgroups", () => {
    const procRoot = tree({ cgroups: table("") });
    const stat = "nr_descendants 21\nnr_subsys_memory 20\n";
    expect(checkController(procRoot, unified("cpu memory pids", { "cgroup.stat": stat }))).toEqual({
      outcome: "ok",
      detail: "the memory controller is on, 21 cgroups",
      fix: null,
    });
    // Before 4.14 there is no cgroup.stat.
    expect(checkController(procRoot, unified("memory")).detail).toBe("the memory controller is on");
  });

  test.each(["", "cpu pids", "memory_recursive"])("one that stays at the root is told of: %j", (subtree) => {
    const located = unified(subtree);
    const file = located.ok ? `${located.mount.path}/cgroup.subtree_control` : "";
    expect(checkController(tree(), located)).toEqual({
      outcome: "warn",
      detail: `the memory controller is on, but only at the root: ${file} does not list memory`,
      fix: `echo +memory >${file}; systemd does so for the first unit that accounts memory`,
    });
  });
});

describe("memory-high:", () => {
  const auto = { high: "auto" } as const;
  const chosenOff = { high: "off" } as const;
  const pressure = { "pressure/memory": "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n" };
  const byKey = 'memory.high is not written (high = "off" in [v2])';
  const byKernel = "memory.high is not written (Linux 5.8.18 can hang in it, 5.9 cannot)";
  const carried = ": pressure notifications and polling carry the guard";
  const alone = ", and the kernel tells of no pressure: polling carries the guard, and fast leaks win";
  const boot = "boot with psi=1 on the kernel command line (CONFIG_PSI, Linux 4.20 or later)";

  test.each([
    ["used", auto, "5.9.0", {}, "ok", expect.stringContaining("holds a container back"), null],
    ["off", chosenOff, "6.1.0", pressure, "ok", byKey + carried, null],
    [
      "off, no pressure",
      chosenOff,
      "6.1.0",
      {},
      "warn",
      byKey + alone,
      `set high = "auto" in [v2]; or have pressure notifications: ${boot}`,
    ],
    ["old kernel", auto, "5.8.18", pressure, "warn", byKernel + carried, "use Linux 5.9 or later"],
    [
      "old kernel, psi=0",
      auto,
      "5.8.18",
      { cmdline: "quiet psi=0 ro\n" },
      "warn",
      byKernel + alone,
      "take psi=0 off the kernel command line and reboot; or use Linux 5.9 or later",
    ],
  ] as const)("%s", (_, v2, release, files, outcome, detail, fix) => {
    expect(checkMemoryHigh(2, v2, release, tree(files))).toEqual({ outcome, detail, fix });
  });

  test("is no matter on v1", () => {
    expect(checkMemoryHigh(1, auto, "5.9.0", tree()).outcome).toBe("skip");
  });
});
