import { describe, expect, test } from "bun:test";
import { inReadingOrder, type SortKey, sortKeys } from "../../../src/report/scan-order.ts";
import type { ScanRow } from "../../../src/report/scan-report.ts";
import { renderScan } from "../../../src/report/scan-table.ts";
import { hostileNames, UNSAFE } from "./hostile.ts";
import { report, row } from "./scan-rows.ts";

const plain = { columns: 80, color: false, unicode: true };

/** A node with a bit of everything: 12 pods of two containers, long names, a sandbox, a cgroup nobody names. */
const crowd: ScanRow[] = [
  ...Array.from({ length: 12 }, (_, i) => {
    const cgroup = `/kubepods/burstable/pod${i}`;
    const pod = `batch-runner-7d9fbc6d5-${i}abcd`;
    return [
      row(2000, 1000 + i, { cgroup, kind: "pod", namespace: "production", pod, container: null }),
      row(1000, 900 + 8 * i, {
        ...{ cgroup: `${cgroup}/a`, namespace: "production", pod, container: "worker" },
        requestBytes: 1023.9 * 2 ** 20,
      }),
      row(500, 10 * i, {
        cgroup: `${cgroup}/b`,
        namespace: "production",
        pod,
        container: "log-shipper-with-a-long-name",
        reclaimableBytes: 5 * i * 2 ** 20,
        kernelVictim: { pid: 4194304, comm: "a-process-of-15" },
      }),
    ];
  }).flat(),
  row(10, 1, { cgroup: "/kubepods/burstable/pod3/s", kind: "sandbox", container: null, guardVictim: null }),
  row(64, 63, {
    cgroup: `/docker/${"0123456789abcdef".repeat(4)}`,
    kind: "other",
    namespace: null,
    pod: null,
    container: null,
  }),
];

function linesOf(rows: readonly ScanRow[], options: Partial<typeof plain> = {}): string[] {
  const text = renderScan(report(rows), { ...plain, ...options });
  expect(text.endsWith("\n")).toBe(true);
  return text.slice(0, -1).split("\n");
}

/** The name column of each row of the table, without the second lines. */
function names(rows: readonly ScanRow[]): string[] {
  return linesOf(rows, { columns: 200 })
    .slice(3, 3 + rows.length)
    .map((line) => line.split(/ {2,}[█▒·]/)[0] ?? "");
}

describe("renderScan", () => {
  test("reads at a glance", () => {
    const rows = [
      row(512, 120, { cgroup: "/kubepods/pod2/c1", pod: "idle-1", reclaimableBytes: 60 * 2 ** 20 }),
      row(1000, 981.25, {}),
    ];
    expect(linesOf(rows)).toEqual([
      "node-7: 3G of 8G available, cgroup v1 at /sys/fs/cgroup/memory, kernel 5.15.0-9…",
      "",
      "CGROUP              USE OF LIMIT           USED LIMIT  LEFT  STATE  WOULD DIE",
      "default/web-0/app   ████████████████████│· 981M 1000M 18.7M  over   java 4242",
      "default/idle-1/app  ██▒▒················│· 120M  512M  392M  ok     java 4242",
      "",
      "█ used  ▒ reclaimable cache  │ threshold",
      "2 limited cgroups: 1 over, 0 near",
    ]);
  });

  test.each([40, 41, 50, 60, 72, 79, 80, 81, 100, 119, 120, 160, 200, 400])(
    "no line is wider than %d columns",
    (columns) => {
      for (const unicode of [true, false]) {
        for (const line of linesOf(crowd, { columns, unicode }))
          expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns);
        const hostile = hostileNames.map(([, name], i) =>
          row(100, i, {
            ...{ cgroup: `/x/${i}`, namespace: name, pod: name, container: name },
            ...{ guardVictim: { pid: 1, comm: name }, kernelVictim: { pid: 2, comm: name } },
          }),
        );
        for (const line of linesOf(hostile, { columns, unicode }))
          expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns);
      }
    },
  );

  test("80 columns are used to the last one when names are long", () => {
    expect(Math.max(...linesOf(crowd).map((line) => Bun.stringWidth(line)))).toBe(80);
  });

  test("200 columns show every name in full, and what is reclaimable", () => {
    const lines = linesOf(crowd, { columns: 200 });
    expect(lines.join("\n")).not.toContain("…");
    expect(lines.join("\n")).toContain(`/docker/${"0123456789abcdef".repeat(4)}`);
    expect(lines[2]).toMatch(/QOS {2}USED CACHE REQUEST LIMIT {2}LEFT/);
  });

  test("colour adds nothing but colour, and only when told", () => {
    const colored = renderScan(report(crowd), { ...plain, color: true });
    const bare = renderScan(report(crowd), plain);
    expect(bare).not.toContain("\x1b");
    expect(colored).toContain("\x1b[31mover\x1b[0m");
    expect(colored.replaceAll(/\x1b\[\d+m/g, "")).toBe(bare);
  });

  test("without UTF-8 everything is ASCII", () => {
    const rows = [...crowd, row(100, 50, { container: "日本語" })];
    expect(renderScan(report(rows), { ...plain, unicode: false })).toMatch(/^[\x20-\x7e\n]*$/);
  });

  test.each(hostileNames)("nothing unsafe gets out, whoever is named with %s", (_promise, name) => {
    const rows = [
      row(100, 99, { namespace: name, pod: name, container: name, cgroup: name }),
      row(100, 99, { pod: null, container: null, cgroup: name, guardVictim: { pid: 1, comm: name } }),
      row(100, 99, { cgroup: "/p", kind: "pod", pod: name }),
      row(100, 99, { cgroup: `/p/${name}`, container: null, kernelVictim: { pid: 2, comm: name } }),
    ];
    for (const columns of [80, 200]) {
      const text = renderScan(report(rows, { name, kernel: name, cgroupMount: name }), { ...plain, columns });
      expect(text).not.toMatch(UNSAFE);
    }
    const empty = renderScan(report([], { cgroupMount: name }), { ...plain, roots: [name] });
    expect(empty).not.toMatch(UNSAFE);
  });
});

describe("the order", () => {
  test("the closest to the edge comes first, and pods with what is in them", () => {
    expect(
      names([
        row(100, 10, { cgroup: "/k/p1/a", pod: "calm", container: "a" }),
        row(300, 20, { cgroup: "/k/p1", kind: "pod", pod: "calm", container: null }),
        row(100, 97, { cgroup: "/k/lone", pod: "lone", container: "b" }),
        row(500, 5, { cgroup: "/k/p2", kind: "pod", pod: "hot", container: null }),
        row(100, 50, { cgroup: "/k/p2/calm", pod: "hot", container: "calm" }),
        row(100, 99, { cgroup: "/k/p2/hot", pod: "hot", container: "hot" }),
      ]),
    ).toEqual(["default/hot", "  hot", "  calm", "default/lone/b", "default/calm", "  a"]);
  });

  test("a name that begins like another pod's path does not lie in it", () => {
    expect(
      names([
        row(100, 99, { cgroup: "/k/p1", kind: "pod", pod: "one", container: null }),
        row(100, 50, { cgroup: "/k/p10/a", pod: "ten", container: "a" }),
      ]),
    ).toEqual(["default/one", "default/ten/a"]);
  });

  test("the state counts before the ratio, and equals are in the order of their paths", () => {
    const big = row(10_240, 10_145, { cgroup: "/a", pod: "big" });
    const small = row(10, 8.99, { cgroup: "/b", pod: "small" });
    const twin = row(10, 8.99, { cgroup: "/c", pod: "twin" });
    const fuller = row(1000, 959, { cgroup: "/d", pod: "fuller" });
    const nearer = row(10, 8.5, { cgroup: "/e", pod: "nearer" });
    expect([fuller.state, nearer.state]).toEqual(["ok", "near"]);
    expect(names([twin, small, fuller, nearer, big])).toEqual(
      ["small", "twin", "big", "nearer", "fuller"].map((pod) => `default/${pod}/app`),
    );
  });
});

describe("sorted", () => {
  const M = 2 ** 20;
  const rows = [
    row(300, 90, { cgroup: "/k/p1", kind: "pod", pod: "b", container: null, overcommitBytes: 5 * M }),
    row(100, 80, { cgroup: "/k/p1/x", pod: "b", container: "x", wasteBytes: 9 * M }),
    row(200, 85, { cgroup: "/k/p1/y", pod: "b", container: "y", wasteBytes: 1 * M }),
    row(400, 70, { cgroup: "/k/lone", pod: "a", container: "z", overcommitBytes: 7 * M, wasteBytes: 3 * M }),
  ];
  const sorted = (sort: SortKey | null, top: number | null = null) =>
    renderScan(report(rows), { ...plain, columns: 200, sort, top })
      .split("\n")
      .slice(3)
      .filter((line) => line.includes("java"))
      .map((line) => line.split(/ {2,}[█▒·]/)[0]?.trim());

  test.each<[SortKey | null, string[]]>([
    [null, ["default/b", "x", "y", "default/a/z"]],
    ["headroom", ["default/b", "x", "y", "default/a/z"]],
    ["usage", ["default/b", "y", "x", "default/a/z"]],
    ["limit", ["default/a/z", "default/b", "y", "x"]],
    ["overcommit", ["default/a/z", "default/b", "x", "y"]],
    ["waste", ["default/b", "x", "y", "default/a/z"]],
    ["name", ["default/a/z", "default/b", "x", "y"]],
  ])("by %p, containers stay below their pod", (sort, expected) => expect(sorted(sort)).toEqual(expected));

  test("equals, and what is not known, are in the order of their paths", () => {
    const unknown = ["/c", "/a", "/b"].map((cgroup) => row(100, 50, { cgroup, pod: null, container: null }));
    for (const sort of sortKeys) {
      const placed = inReadingOrder(unknown, sort).map((it) => it.row.cgroup);
      expect(placed).toEqual(["/a", "/b", "/c"]);
    }
  });

  test("the first rows only, when there are more, and the summary still counts all", () => {
    expect(sorted("limit", 2)).toEqual(["default/a/z", "default/b"]);
    const summaryOf = (top: number) =>
      renderScan(report(rows), { ...plain, top })
        .trimEnd()
        .split("\n")
        .at(-1);
    expect(summaryOf(2)).toBe("4 limited cgroups (2 shown): none near the limit");
    expect(summaryOf(4)).toBe("4 limited cgroups: none near the limit");
    expect(summaryOf(9)).toBe("4 limited cgroups: none near the limit");
  });

  test.each(["overcommit", "waste"] as const)("what it is sorted by is shown: %s", (sort) => {
    const title = sort === "waste" ? "WASTE" : "OVER";
    const lines = renderScan(report(rows), { ...plain, sort }).split("\n");
    expect(lines[2]).toMatch(new RegExp(`LEFT +${title} +STATE`));
    for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(80);
    expect(renderScan(report(rows), plain)).not.toContain(title);
  });
});

describe("names", () => {
  test.each([
    ["a container without its pod's row", {}, "default/web-0/app"],
    ["a pod", { kind: "pod", container: null }, "default/web-0"],
    ["a sandbox", { kind: "sandbox", container: null }, "default/web-0/(sandbox)"],
    ["a container outside Kubernetes", { namespace: null, pod: null }, "app"],
    ["nobody knows it", { namespace: null, pod: null, container: null }, "/kubepods/pod1/c1"],
    ["half of it is known", { namespace: null, container: null }, "/kubepods/pod1/c1"],
    [
      "a pod without names",
      { kind: "pod", namespace: null, pod: null, container: null },
      "/kubepods/pod1/c1",
    ],
  ] as [string, Partial<ScanRow>, string][])("%s", (_promise, changes, expected) => {
    expect(names([row(100, 10, changes)])).toEqual([expected]);
  });
});

describe("columns", () => {
  const known = { requestBytes: 256 * 2 ** 20 };
  const twice = (changes: Partial<ScanRow>, other: Partial<ScanRow> = {}) => [
    row(1000, 500, changes),
    row(1000, 400, { ...changes, ...other }),
  ];
  const titlesAt = (rows: readonly ScanRow[], columns: number) =>
    linesOf(rows, { columns })[2]
      ?.replace("USE OF LIMIT", "")
      .replace("WOULD DIE", "")
      .trim()
      .split(/ +/)
      .join(" ");

  test.each<[string, ScanRow[], number, string]>([
    ["few where there is little room", twice(known), 119, "CGROUP USED LIMIT LEFT STATE"],
    ["all where there is room", twice(known), 120, "CGROUP QOS USED CACHE REQUEST LIMIT LEFT STATE"],
    ["no request that nobody knows", twice({}), 200, "CGROUP QOS USED CACHE LIMIT LEFT STATE"],
    ["no class that nobody knows", twice({ qos: null }), 200, "CGROUP USED CACHE LIMIT LEFT STATE"],
    [
      "both when one row knows them",
      twice({ qos: null }, { ...known, qos: "Guaranteed" }),
      200,
      "CGROUP QOS USED CACHE REQUEST LIMIT LEFT STATE",
    ],
  ])("%s", (_promise, rows, columns, expected) => expect(titlesAt(rows, columns)).toBe(expected));

  test.each<[string, Partial<ScanRow>, RegExp]>([
    ["guaranteed", { ...known, qos: "Guaranteed" }, / G 500M +0 +256M 1000M +500M /],
    ["burstable", { ...known, qos: "Burstable" }, / B 500M +0 +256M 1000M +500M /],
    ["best effort, without a request", { qos: "BestEffort" }, / BE 500M +0 +- 1000M +500M /],
    ["nothing known", { qos: null }, / - 500M +0 +- 1000M +500M /],
  ])("%s", (_promise, changes, expected) => {
    const rows = [row(1000, 500, changes), row(1000, 400, known)];
    expect(linesOf(rows, { columns: 140 })[3]).toMatch(expected);
  });
});

describe("victims", () => {
  const other = { kernelVictim: { pid: 99, comm: "sh" } };

  test("the kernel's is named when it is another", () => {
    expect(linesOf([row(100, 10, other)], { columns: 120 })[3]).toEndWith("java 4242 (kernel: sh 99)");
  });

  test("on a line of its own where there is no room", () => {
    const long = row(100, 10, { ...other, pod: "a-pod-whose-name-takes-all-the-room-there-is" });
    const lines = linesOf([long]);
    expect(lines[3]).toEndWith("java 4242");
    expect(lines[4]).toBe("kernel: sh 99".padStart(80));
  });

  test("nobody would die", () => {
    expect(linesOf([row(100, 10, { guardVictim: null, kernelVictim: null })])[3]).toEndWith(" ok     -");
  });
});

describe("the summary", () => {
  test.each([
    ["one", [row(100, 1)], "1 limited cgroup: none near the limit"],
    ["two, none near", [row(100, 1), row(100, 1)], "2 limited cgroups: none near the limit"],
    ["one over, one near", [row(100, 99), row(100, 97)], "2 limited cgroups: 1 over, 1 near"],
    ["none over", [row(100, 97)], "1 limited cgroup: 0 over, 1 near"],
  ])("%s", (_promise, rows, expected) => expect(linesOf(rows).at(-1)).toBe(expected));

  test("nothing found says what was looked at, and why", () => {
    const found = (options: object) =>
      renderScan(report([]), { ...plain, ...options })
        .split("\n\n")[1]
        ?.replaceAll("\n", " ");
    expect(found({ roots: ["/kubepods", "/docker"], unlimited: 12 })).toBe(
      "No limited cgroup under /sys/fs/cgroup/memory; looked at /kubepods /docker: 12 cgroups there have no memory limit, and without one there is nothing to guard. ",
    );
    expect(found({ roots: ["/kubepods"] })).toContain(
      "looked at /kubepods: no pod or container is running there",
    );
    expect(found({})).toContain("No limited cgroup under /sys/fs/cgroup/memory: no pod");
  });
});
