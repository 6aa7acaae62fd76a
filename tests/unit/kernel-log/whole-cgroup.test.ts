import { describe, expect, test } from "bun:test";
import { KillAssembler } from "../../../src/kernel-log/assembler.ts";
import type { KernelKill } from "../../../src/kernel-log/kernel-kill.ts";
import { killed, linux50, linux618, wholeLine } from "./reports.ts";
import { killsIn } from "./said.ts";

// memory.oom.group: the victim's line, the line of its cgroup, then one of each process in it, the victim often again.

/** A report whose list has these processes too. */
const withRows = (lines: readonly string[], pids: readonly number[]) =>
  lines.flatMap((line) =>
    /^\[ +551\]/.test(line)
      ? [line, ...pids.map((pid) => line.replace("[    551]     0   551", `[${pid}] 0 ${pid}`))]
      : [line],
  );

describe("processes that die with their cgroup", () => {
  test("are told one by one, the victim once", () => {
    const said = [
      ...withRows(linux618(), [600, 601]),
      wholeLine("/p/c"),
      killed({ pid: 600, comm: "a" }),
      killed({ pid: 551 }),
      "oom_reaper: reaped process 551 (hogs), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB",
      killed({ pid: 601, comm: "b" }),
    ];
    const shared = { shortage: "cgroup", limitCgroup: "/p", usageBytes: 104_857_600, wholeCgroup: "/p/c" };
    expect(killsIn(said)).toMatchObject([
      { ...shared, victimCgroup: "/p/c", victim: { pid: 551 } },
      { ...shared, victimCgroup: null, victim: { pid: 600, comm: "a" } },
      { ...shared, victimCgroup: null, victim: { pid: 601, comm: "b" } },
    ]);
  });

  test("up to 5.0 too, where their lines do not say why", () => {
    const bare = "Killed process 600 (a) total-vm:4kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB";
    const said = [...withRows(linux50(), [600]), wholeLine("/p/c"), bare];
    expect(killsIn(said)).toMatchObject([
      { wholeCgroup: "/p/c", victim: { pid: 551 } },
      { shortage: "cgroup", wholeCgroup: "/p/c", victim: { pid: 600 } },
    ]);
  });

  test("are known where the kernel prints no report", () => {
    const said = [killed(), wholeLine("/p/c"), killed({ pid: 600 })];
    expect(killsIn(said)).toMatchObject([
      { limitCgroup: null, wholeCgroup: "/p/c", victim: { pid: 551 } },
      { limitCgroup: null, wholeCgroup: "/p/c", victim: { pid: 600 } },
    ]);
  });

  test("are not taken for those of another cgroup that dies next", () => {
    const withoutRows = linux618().filter((line) => !line.startsWith("[ "));
    const said = [
      ...withoutRows,
      wholeLine("/p/c"),
      killed({ pid: 600 }),
      killed({ pid: 700 }),
      wholeLine("/q"),
      killed({ pid: 701 }),
    ];
    const dies = killsIn(said).map(({ victim, limitCgroup, wholeCgroup }) => [
      victim.pid,
      limitCgroup,
      wholeCgroup,
    ]);
    expect(dies).toEqual([
      [551, "/p", "/p/c"],
      [600, "/p", "/p/c"],
      [700, null, "/q"],
      [701, null, "/q"],
    ]);
  });
});

describe("it dies alone", () => {
  test.each([
    ["a process that was not in the list", [...linux618(), wholeLine("/p/c"), killed({ pid: 900 })]],
    ["one that dies later", [killed(), wholeLine("/p/c"), { message: killed({ pid: 900 }), later: 300_000 }]],
    ["the victim of the next report", [killed(), wholeLine("/p/c"), ...linux618({ pid: 900 })]],
    ["one for another shortage", [killed(), wholeLine("/p/c"), killed({ pid: 900 }, "Out")]],
  ])("%s", (_, said) => {
    expect(killsIn(said).map(({ victim, wholeCgroup }) => [victim.pid, wholeCgroup])).toEqual([
      [551, "/p/c"],
      [900, null],
    ]);
  });
});

test("a kill is told when the next line shows that it is complete, or time does", () => {
  const kills: KernelKill[] = [];
  const assembler = new KillAssembler((kill) => kills.push(kill));
  const say = (message: string | null, bootMicros: number) =>
    assembler.take({ seq: 0, bootMicros, message, isContinuation: false });
  say(killed(), 1_000_000);
  say("eth0: link is up", 1_200_000);
  expect(kills).toHaveLength(0);
  expect(assembler.held?.victim.pid).toBe(551);
  say(null, 1_251_000);
  expect(kills).toHaveLength(1);
  expect(assembler.held).toBeNull();
  say(killed({ pid: 7 }), 2_000_000);
  say(wholeLine("/p"), 2_000_010);
  expect(kills).toMatchObject([{ wholeCgroup: null }, { wholeCgroup: "/p" }]);
});
