import { describe, expect, test } from "bun:test";
import { UNIT_PATH } from "../../../src/install/files.ts";
import { unitFile } from "../../../src/install/unit.ts";

/** Every value of a key, in order; the unit gives none in two sections. */
const settings = new Map<string, string[]>();
for (const line of unitFile.split("\n").filter((it) => it !== "" && !/^[#[]/.test(it))) {
  const [, key = "", value = ""] = /^(\w+)=(.*)$/.exec(line) ?? [];
  settings.set(key, [...(settings.get(key) ?? []), value]);
}

describe("the unit promises:", () => {
  test.each([
    ["readiness and a watchdog of the guard's own", "Type", "notify"],
    ["nobody else's messages count", "NotifyAccess", "main"],
    ["the executable that install places", "ExecStart", "/usr/local/bin/oom-guard run"],
    ["systemctl reload reads the configuration again", "ExecReload", "/bin/kill -HUP $MAINPID"],
    [
      "what it wrote into cgroups is given back, if it could not do so itself",
      "ExecStopPost",
      "-/usr/local/bin/oom-guard release",
    ],
    ["time for a slow disk", "WatchdogSec", "30s"],
    ["a guard that ended is started again", "Restart", "always"],
    ["however often that was", "StartLimitInterval", "0"],
    ["the OOM killer takes it last, and could", "OOMScoreAdjust", "-999"],
    ["it may lock its memory", "LimitMEMLOCK", "infinity"],
    ["the sentinel may be SCHED_FIFO 1", "LimitRTPRIO", "1"],
    ["descriptors for thousands of cgroups", "LimitNOFILE", "65536"],
    ["it starts with the machine", "WantedBy", "multi-user.target"],
    ["capabilities", "CapabilityBoundingSet", "CAP_KILL CAP_DAC_OVERRIDE CAP_SYS_PTRACE"],
    ["the kernel's log, opened for it, and nothing but to read", "StandardInput", "file:/dev/kmsg"],
    ["the same, where systemd opens nothing (219)", "DeviceAllow", "/dev/kmsg r"],
    ["no way to the kernel's log but that", "ProtectKernelLogs", "yes"],
    ["its files and state can be written", "ReadWritePaths", "/run /var -/data -/mnt -/media -/srv"],
  ])("%s", (_, key, value) => {
    expect(settings.get(key)).toEqual([value]);
  });
});

describe("the unit leaves out:", () => {
  test.each([
    ["what would end a compiler at run time", "MemoryDenyWriteExecute"],
    ["what would keep the sentinel from SCHED_FIFO", "RestrictRealtime"],
    ["what makes every thread real-time", "CPUSchedulingPolicy"],
    ["a cpu cgroup, where RT_GROUP_SCHED forbids SCHED_FIFO", "CPUWeight"],
    ["the same, by its old name", "CPUShares"],
    ["what deletes the black box at each stop", "RuntimeDirectory"],
    ["a disk that has to be written before the guard starts", "PrivateTmp"],
    ["read-only cgroups", "ProtectControlGroups"],
    ["processes without their users", "PrivateUsers"],
    ["a network without an API server", "PrivateNetwork"],
    ["a limit that sends a 3.10 kernel into its cgroup OOM path", "MemoryLimit"],
  ])("%s (%s=)", (_, key) => {
    expect(settings.has(key)).toBe(false);
  });
});

describe("systemd 219 (load-fragment.c of v219)", () => {
  test("denies no system call that it knows by no group, and has no allow-list to be left empty", () => {
    expect(settings.get("SystemCallFilter")?.every((it) => /^~(@[\w-]+ ?)+$/.test(it))).toBe(true);
  });

  test("makes no mount namespace, which would pin the mounts of containers", () => {
    const makers = [
      ...["PrivateTmp", "PrivateDevices", "PrivateNetwork", "MountFlags"],
      ...["ReadWriteDirectories", "ReadOnlyDirectories", "InaccessibleDirectories", "RootDirectory"],
    ];
    expect(makers.filter((key) => settings.has(key))).toEqual([]);
    // Of these it refuses values that it does not know.
    expect(settings.get("ProtectSystem")).toEqual(["strict"]);
    expect(settings.get("ProtectHome")).toEqual(["tmpfs"]);
  });
});

test("no line of the unit is a comment behind a value, which systemd would take as part of it", () => {
  expect([...settings.values()].flat().filter((value) => value.includes("#"))).toEqual([]);
});

test("the unit's first line says where changes of one's own belong", () => {
  expect(unitFile.split("\n")[0]).toContain("systemctl edit oom-guard");
  expect(UNIT_PATH).toBe("/etc/systemd/system/oom-guard.service");
});
