import { describe, expect, test } from "bun:test";
import { ENOENT } from "../../../ffi/errno.ts";
import { SysError } from "../../../ffi/sys-error.ts";
import { checkDescriptors } from "../../../src/doctor/descriptors.ts";
import type { Guarded } from "../../../src/doctor/guarded.ts";
import { checkInotify } from "../../../src/doctor/inotify.ts";
import { checkKmsg } from "../../../src/doctor/kmsg.ts";
import { checkMemoryLock } from "../../../src/doctor/memory-lock.ts";
import { checkOtherGuards } from "../../../src/doctor/other-guards.ts";
import { checkScheduling } from "../../../src/doctor/scheduling.ts";
import { tree } from "./tree.ts";

const EPERM = 1;

const refusing = (syscall: string, errno: number) => () => {
  throw new SysError(syscall, errno);
};

describe("memory-lock:", () => {
  test("works", () => {
    expect(checkMemoryLock(() => true)).toMatchObject({ outcome: "ok" });
  });

  test("the kernel cannot", () => {
    const found = checkMemoryLock(() => false);
    expect(found).toMatchObject({ outcome: "warn", fix: "use Linux 4.4 or later" });
  });

  test("the rights are missing", () => {
    const found = checkMemoryLock(refusing("mlockall", EPERM));
    expect(found).toMatchObject({
      outcome: "warn",
      fix: "give it CAP_IPC_LOCK, or raise ulimit -l (LimitMEMLOCK=infinity in its unit)",
    });
    expect(found.detail).toStartWith("mlockall: EPERM");
  });
});

describe("scheduling:", () => {
  test("the thread is put back", () => {
    const calls: string[] = [];
    const found = checkScheduling(
      () => void calls.push("first"),
      () => void calls.push("ordinarily"),
    );
    expect(found.outcome).toBe("ok");
    expect(calls).toEqual(["first", "ordinarily"]);
  });

  test("refused", () => {
    const found = checkScheduling(refusing("sched_setscheduler", EPERM), () => undefined);
    expect(found.outcome).toBe("warn");
    expect(found.detail).toStartWith("sched_setscheduler: EPERM: ");
    expect(found.fix).toContain("CAP_SYS_NICE");
  });
});

describe("limits:", () => {
  const proc = (openFiles: string, watches: string) =>
    tree({
      "self/limits": `Limit  Soft  Hard  Units\nMax open files            ${openFiles}     524288   files\n`,
      "sys/fs/inotify/max_user_watches": `${watches}\n`,
    });
  const guarded: Guarded = {
    presentRoots: ["/kubepods"],
    cgroupCount: 400,
    limited: Array.from({ length: 250 }, (_, i) => ({ cgroup: `/kubepods/${i}`, marginBytes: 1 })),
    uncovered: [],
    isHeld: false,
    watchesEach: 1,
    descriptorsEach: 8,
  };
  test.each([
    [
      "plenty",
      "524288",
      "192536",
      "ok",
      "2064 of 524288 open files and 400 of 192536 inotify watches needed now",
      null,
    ],
    ["just twice as much", "4128", "800", "ok", expect.any(String), null],
    [
      "few files",
      "4127",
      "192536",
      "warn",
      "4127 open files are allowed, 2064 needed now: with more containers some are not armed",
      "ulimit -n 16384 (LimitNOFILE=16384 in its unit)",
    ],
    [
      "few watches",
      "unlimited",
      "799",
      "warn",
      "fs.inotify.max_user_watches is 799, 400 needed now: new containers are noticed up to a second late",
      "sysctl fs.inotify.max_user_watches=2048",
    ],
  ] as const)("%s", (_, openFiles, watches, outcome, detail, fix) => {
    expect(checkDescriptors(proc(openFiles, watches), guarded)).toEqual({ outcome, detail, fix });
  });

  test("a cgroup with three watches, and four descriptors with a limit", () => {
    const v2 = { ...guarded, watchesEach: 3, descriptorsEach: 4 };
    expect(checkDescriptors(proc("524288", "2400"), v2)).toMatchObject({
      outcome: "ok",
      detail: "1064 of 524288 open files and 1200 of 2400 inotify watches needed now",
    });
    expect(checkDescriptors(proc("524288", "2399"), v2)).toMatchObject({
      outcome: "warn",
      fix: "sysctl fs.inotify.max_user_watches=8192",
    });
  });

  test("no hierarchy, nothing to watch", () => {
    expect(checkDescriptors(proc("524288", "8192"), null).detail).toStartWith(
      "64 of 524288 open files and 0 of",
    );
  });

  test("a /proc that tells neither is no reason to warn", () => {
    expect(checkDescriptors(tree(), guarded).outcome).toBe("ok");
  });
});

describe("inotify:", () => {
  test("a directory is watched", () => {
    expect(checkInotify(tree())).toMatchObject({ outcome: "ok" });
  });

  test("one that cannot be watched is told of", () => {
    const error = new SysError("inotify_add_watch", ENOENT, "/nonexistent");
    expect(checkInotify("/nonexistent")).toMatchObject({
      outcome: "warn",
      detail: `${error.message}: new containers are noticed up to a second late`,
    });
  });
});

describe("kmsg:", () => {
  test("is there", () => {
    expect(checkKmsg(tree({ kmsg: "" }))).toMatchObject({ outcome: "ok" });
  });

  test("is not there", () => {
    const devRoot = tree();
    const found = checkKmsg(devRoot);
    expect(found.outcome).toBe("warn");
    expect(found.detail).toStartWith(
      `open ${devRoot}/kmsg: ENOENT: kernel kills are seen in armed cgroups only`,
    );
    expect(found.fix).toContain("CAP_SYSLOG");
  });
});

describe("other-guards:", () => {
  const processes = {
    "1/comm": "systemd\n",
    "77/comm": "earlyoom-like\n",
    "self/comm": "earlyoom\n",
    "sys/comm": "nohang\n",
  };

  test("none", () => {
    expect(checkOtherGuards(tree(processes))).toMatchObject({ outcome: "ok" });
  });

  test.each(["earlyoom", "nohang", "systemd-oomd", "oomd", "oomguard"])("%s", (comm) => {
    const found = checkOtherGuards(tree({ ...processes, "4711/comm": `${comm}\n` }));
    expect(found.outcome).toBe("warn");
    expect(found.detail).toStartWith(`${comm} (pid 4711) kills`);
  });
});
