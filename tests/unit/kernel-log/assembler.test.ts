import { describe, expect, test } from "bun:test";
import { KillAssembler } from "../../../src/kernel-log/assembler.ts";
import type { KernelKill } from "../../../src/kernel-log/kernel-kill.ts";
import { centos7, centos7Node, killed, linux50, linux618, linux618Node, wholeLine } from "./reports.ts";
import { killsIn } from "./said.ts";

const KIB = 1024;
const NOTHING = {
  limitCgroup: null,
  victimCgroup: null,
  usageBytes: null,
  limitBytes: null,
  wholeCgroup: null,
};
const limits = { usageBytes: 102_400 * KIB, limitBytes: 102_400 * KIB };

describe("a kill is told as it was", () => {
  test.each([
    [
      "in a cgroup, by CentOS 7",
      centos7(),
      "cgroup",
      { limitCgroup: "/p", victimCgroup: "/p/docker/0123abcd", ...limits },
      { pid: 551, comm: "hogs", rssBytes: 102_336 * KIB, oomScoreAdj: 2 },
    ],
    [
      "on the node, by CentOS 7",
      centos7Node(),
      "node",
      {},
      { pid: 82, comm: "feat", rssBytes: 102_336 * KIB, oomScoreAdj: -100 },
    ],
    [
      "in a cgroup, by 5.0",
      linux50(),
      "cgroup",
      { limitCgroup: "/p", victimCgroup: "/p/c", ...limits },
      { pid: 551, comm: "hogs", rssBytes: 102_336 * KIB, oomScoreAdj: 7 },
    ],
    [
      "in a cgroup, by 6.18",
      linux618(),
      "cgroup",
      { limitCgroup: "/p", victimCgroup: "/p/c", ...limits },
      { pid: 551, comm: "hogs", rssBytes: 102_400 * KIB, oomScoreAdj: -5 },
    ],
    [
      "on the node, by 6.18",
      linux618Node(),
      "node",
      { victimCgroup: "/p/c" },
      { pid: 551, comm: "hogs", rssBytes: 102_400 * KIB, oomScoreAdj: -5 },
    ],
  ] as const)("%s", (_, lines, shortage, facts, victim) => {
    const [kill, ...others] = killsIn(lines);
    expect(others).toEqual([]);
    expect(kill).toEqual({
      seq: lines.length - 1,
      bootMicros: 1_000_000 + 10 * lines.length,
      shortage,
      ...NOTHING,
      ...facts,
      victim,
    });
  });

  test("with the lines of others in between", () => {
    const said = linux618().flatMap((line) => [line, "eth0: link is up", { message: null }, "oom_reaper: x"]);
    expect(killsIn(said)).toMatchObject([{ limitCgroup: "/p", victimCgroup: "/p/c", ...limits }]);
  });

  test("with a name that imitates all there is", () => {
    const comm = ") Killed proces";
    for (const report of [centos7, linux50, linux618])
      expect(killsIn(report({ comm }))).toMatchObject([
        { victimCgroup: expect.any(String), victim: { pid: 551, comm } },
      ]);
  });

  test("each with what was printed for it", () => {
    const said = [
      ...linux618(),
      ...linux618({ limit: "/q", victim: "/q/d", pid: 7 }),
      ...linux618Node({ pid: 8 }),
    ];
    expect(killsIn(said)).toMatchObject([
      { limitCgroup: "/p", victim: { pid: 551 } },
      { limitCgroup: "/q", victimCgroup: "/q/d", victim: { pid: 7 } },
      { shortage: "node", limitCgroup: null, victimCgroup: "/p/c", usageBytes: null, victim: { pid: 8 } },
    ]);
  });
});

describe("whose process it was", () => {
  test("that of a dead leader is told by its own number, not by that of a thread", () => {
    const said = linux618().map((line) =>
      line.replace("[    551]", "[    553]").replace("Killed process 551", "Killed process 553"),
    );
    expect(killsIn(said)).toMatchObject([{ victimCgroup: "/p/c", victim: { pid: 551 } }]);
  });

  test("a child that died in place of the chosen one counts in the same shortage, but its cgroup is not told", () => {
    const said = linux50().flatMap((line) => {
      if (line.startsWith("[    551]"))
        return [line, "[    600]     0   600    79111    25600   143360        0           100 child"];
      return [line.replace("Killed process 551 (hogs)", "Killed process 600 (child)")];
    });
    expect(killsIn(said)).toMatchObject([
      {
        limitCgroup: "/p",
        victimCgroup: null,
        ...limits,
        victim: { pid: 600, comm: "child", oomScoreAdj: 100 },
      },
    ]);
  });
});

describe("nothing but the kill is told", () => {
  test.each([
    ["after ten in 5 s, when the kernel prints no more", [killed()]],
    ["of the next one", [...linux618({ pid: 7 }), killed()].slice(10)],
    ["where the one before was not carried out", [...linux618({ pid: 7 }).slice(0, -1), killed()]],
    ["where the one before was for the node", [...linux618Node().slice(0, -1), killed()]],
    ["long after what was printed", [...linux618().slice(0, -1), { message: killed(), later: 11_000_000 }]],
    [
      "where the victim was dying already",
      [
        ...linux618().slice(0, -1),
        "Memory cgroup out of memory: OOM victim 551 (hogs) is already exiting. Skip killing the task",
        killed(),
      ],
    ],
    [
      "where no victim was found",
      [...linux618().slice(0, -1), "Out of memory and no killable processes...", killed()],
    ],
    [
      "of a process that is not in the list, where its report has no summary",
      [...centos7({ pid: 7 }).slice(0, -2), ...centos7().slice(-2)],
    ],
  ])("%s", (_, said) => {
    expect(killsIn(said)).toEqual([
      expect.objectContaining({
        shortage: "cgroup",
        ...NOTHING,
        victim: expect.objectContaining({ pid: 551 }),
      }),
    ]);
  });

  const withoutRows = (lines: readonly string[]) => lines.filter((line) => !line.startsWith("[ "));

  test.each([
    [
      "a summary is of another process, and there is no list",
      [...withoutRows(linux618({ pid: 7 })).slice(0, -1), killed()],
    ],
    [
      "another report of CentOS 7 begins before the end of this one",
      [
        ...centos7().slice(0, 7),
        ...centos7({ limit: "/q", victim: "/q/d", pid: 700 }).slice(0, 7),
        ...centos7().slice(10),
      ],
    ],
    [
      "another one's beginning is lost",
      [...centos7().slice(0, 7), centos7({ limit: "/q", victim: "/q" })[5]!, ...centos7().slice(10)],
    ],
    [
      "another one's beginning and cgroups are lost",
      [...centos7().slice(0, 7), centos7()[6]!, ...centos7().slice(10)],
    ],
  ])("where %s", (_, said) => {
    expect(killsIn(said)).toMatchObject([{ ...NOTHING, victim: { pid: 551 } }]);
  });

  test("where two of CentOS 7 print at once, but two are told", () => {
    const one = centos7();
    const two = centos7({ limit: "/q", victim: "/q/d", pid: 700 });
    const said = one.flatMap((line, i) => [line, two[i]!]);
    expect(killsIn(said)).toMatchObject([
      { shortage: "cgroup", ...NOTHING, victim: { pid: 551 } },
      { shortage: "cgroup", ...NOTHING, victim: { pid: 700 } },
    ]);
  });

  test("where it is printed for a cgroup and the node at once, and which is which is known", () => {
    const said = [...centos7().slice(0, -1), ...centos7Node(), ...centos7().slice(-1)];
    expect(killsIn(said)).toMatchObject([
      { shortage: "node", ...NOTHING, victim: { pid: 82 } },
      { shortage: "cgroup", ...NOTHING, victim: { pid: 551 } },
    ]);
  });

  test("where the lines before it are lost", () => {
    const kills: KernelKill[] = [];
    const assembler = new KillAssembler((kill) => kills.push(kill));
    const lines = linux618();
    for (const [seq, message] of lines.entries()) {
      if (seq === lines.length - 1) assembler.skip();
      assembler.take({ seq, bootMicros: 1, message, isContinuation: false });
    }
    assembler.flush();
    expect(kills).toMatchObject([NOTHING]);
  });
});

test("a summary whose report is lost stands for itself", () => {
  expect(killsIn(linux618().slice(-2))).toMatchObject([
    { limitCgroup: "/p", victimCgroup: "/p/c", usageBytes: null, limitBytes: null },
  ]);
});

test("no kill where nothing tells of what it was", () => {
  expect(killsIn(centos7().slice(-1))).toEqual([]);
  expect(killsIn([...centos7(), ...centos7({ pid: 9 }).slice(-1)])).toMatchObject([{ victim: { pid: 551 } }]);
});

describe("a line that came in parts", () => {
  const summary = linux618().at(-2)!;
  const parts = (flag: boolean) => [
    ...linux618().slice(0, -2),
    summary.slice(0, 60),
    { message: summary.slice(60, 100), continues: flag },
    { message: null },
    { message: summary.slice(100), continues: flag },
    linux618().at(-1)!,
  ];

  test("is put together, whatever user space writes in between", () => {
    expect(killsIn(parts(true))).toMatchObject([{ limitCgroup: "/p", victimCgroup: "/p/c" }]);
  });

  test("is not, where they are not marked as parts", () => {
    expect(killsIn(parts(false))).toMatchObject([{ limitCgroup: null, victimCgroup: null, ...limits }]);
  });

  test("is not, where the kernel writes in between", () => {
    const said = parts(true).flatMap((one) =>
      typeof one !== "string" && one.message === null ? ["eth0: up"] : [one],
    );
    expect(killsIn(said)).toMatchObject([{ limitCgroup: null, victimCgroup: null, ...limits }]);
  });

  test("may be that of CentOS 7, too", () => {
    const said = centos7().flatMap((line) => {
      const at = line.indexOf(" as a result of");
      return at < 0 ? [line] : [line.slice(0, at), { message: line.slice(at), continues: true }];
    });
    expect(killsIn(said)).toMatchObject([{ limitCgroup: "/p", victimCgroup: "/p/docker/0123abcd" }]);
  });
});

describe("what the kernel has cut off", () => {
  const limit = `/${"p".repeat(200)}`;
  // Below the limit, and each part of it could be an ancestor.
  const victim = `${limit}${limit.repeat(3)}`;
  const longest = 1024;

  test.each([
    ["CentOS 7", centos7({ limit: victim, victim: `${victim}/c` })],
    ["5.0", linux50({ limit: victim, victim: `${victim}/c` })],
    ["6.18", linux618({ limit: victim, victim: `${victim}/c` })],
    ["6.18, for the node", linux618Node({ victim: `${victim}${victim}` })],
  ])("in a line with paths: its cgroups are not told (%s)", (_, lines) => {
    for (let length = 900; length < longest; length++) {
      const cut = lines.map((line) => line.slice(0, length));
      expect(killsIn(cut)).toMatchObject([{ limitCgroup: null, victimCgroup: null, victim: { pid: 551 } }]);
    }
  });

  test("in a path in the middle of a line: neither", () => {
    for (let length = 900; length < longest; length++) {
      const cut = `${victim}${victim}`.slice(0, length);
      for (const report of [centos7, linux50, linux618])
        expect(killsIn(report({ limit, victim: cut }))).toMatchObject([
          { limitCgroup: null, victimCgroup: null },
        ]);
      expect(killsIn([killed(), wholeLine(cut)])).toMatchObject([{ wholeCgroup: null }]);
    }
  });

  test("but where it went on in the next record, all is known", () => {
    const said = linux618({ limit: victim, victim: `${victim}/c` }).flatMap((line) =>
      line.length < 990 ? [line] : [line.slice(0, 990), { message: line.slice(990), continues: true }],
    );
    expect(killsIn(said)).toMatchObject([{ limitCgroup: victim, victimCgroup: `${victim}/c` }]);
  });

  test("of a kill's own line: it is that kill, or none", () => {
    const whole = killed({ pid: 551, comm: ") Killed proces" });
    for (let length = 0; length < whole.length; length++)
      for (const { victim } of killsIn([whole.slice(0, length)]))
        expect(victim).toMatchObject({ pid: 551, comm: ") Killed proces" });
  });
});

test("a flood of 100,000 lines hides no kill and makes none", () => {
  const hostile = [
    killed({ pid: 1 }).slice(0, -58),
    `audit: ${killed({ pid: 1 })}`,
    "Killed process 1 (init)",
    "oom_reaper: reaped process 1 (init), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB",
    "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),oom_memcg=/,task_memcg=/init,task=init,pid=1,uid=0,",
    "[      1]     0     1    26731    13110    12768      342         0   143360        0            -5 init",
    "memory: usage 1kB",
  ];
  const said = Array.from({ length: 100_000 }, (_, i) => hostile[i % hostile.length]!);
  const spread = [linux618(), centos7({ pid: 7 }), linux618Node({ pid: 8 })];
  const mixed = [
    ...said.slice(0, 30_000),
    ...spread[0]!,
    ...said.slice(30_000, 60_000),
    ...spread[1]!,
    ...said.slice(60_000),
    ...spread[2]!,
  ];
  expect(killsIn(mixed)).toMatchObject([
    { victimCgroup: "/p/c", victim: { pid: 551 } },
    { victimCgroup: "/p/docker/0123abcd", victim: { pid: 7 } },
    { shortage: "node", victimCgroup: "/p/c", victim: { pid: 8 } },
  ]);
});
