import { describe, expect, test } from "bun:test";
import type { Incident } from "../../../src/record/incident.ts";
import { renderHistoryJson, rfc3339 } from "../../../src/report/history-json.ts";
import { renderHistory } from "../../../src/report/history-table.ts";
import { incident, M, victim } from "../record/incidents.ts";
import { hostileNames, UNSAFE } from "./hostile.ts";

const plain = { columns: 80, color: false, unicode: true };
const noNames = { namespace: null, pod: null, podUid: null, container: null, containerId: null };
const noFacts = {
  ...noNames,
  limitBytes: null,
  thresholdBytes: null,
  usageBytes: null,
  reclaimableBytes: null,
  decideMicros: null,
  victims: [],
  victimCount: 0,
};

function hostileIncidents(name: string): Incident[] {
  return [
    incident({ namespace: name, pod: name, container: name, victims: [victim({ comm: name })] }),
    incident({ ...noNames, cgroup: name, kind: "stuck" }),
    incident({ ...noNames, cgroup: `/${name}`, kind: "kernel-oom", victims: [victim({ comm: null })] }),
    incident({ kind: "would-kill", policy: "process", victimCount: 1, victims: [victim({ comm: name })] }),
  ];
}

describe("renderHistory", () => {
  test("newest first, a line each", () => {
    const older = incident({ id: "a", timeMs: Date.UTC(2026, 0, 1), kind: "kernel-oom", decideMicros: null });
    const text = renderHistory([older, incident({ id: "b" })], plain);
    expect(text.split("\n")).toEqual([
      "TIME (UTC)      KIND        WHO                VICTIMS       USED/LIMIT  DECIDED",
      "01-02 03:04:05  kill        default/web-0/app  java 4242 +2  981M/1000M   210 us",
      "01-01 00:00:00  kernel-oom  default/web-0/app  java 4242 +2  981M/1000M        -",
      "",
    ]);
  });

  test("the year is told where there is room for it, or more than one", () => {
    const older = incident({ id: "a", timeMs: Date.UTC(2025, 11, 31) });
    expect(renderHistory([incident()], { ...plain, columns: 120 })).toContain("\n2026-01-02 03:04:05  ");
    expect(renderHistory([incident(), older], plain)).toContain("\n2025-12-31 00:00:00  ");
  });

  test("of the same millisecond the later id is the newer", () => {
    const text = renderHistory(
      [incident({ id: "a-1", pod: "first" }), incident({ id: "a-2", pod: "second" })],
      plain,
    );
    expect(text.indexOf("second")).toBeLessThan(text.indexOf("first"));
  });

  test("a kernel's kill says whose memory ran out, if not the container's own, and that the container goes on", () => {
    const kinds = [
      { scope: "container", silent: false },
      { scope: "pod", silent: true },
      { scope: "node", silent: null },
    ] as const;
    const rows = kinds.map((facts, i) =>
      incident({ id: String(9 - i), kind: "kernel-oom", victimCount: 1, ...facts, decideMicros: null }),
    );
    expect(
      renderHistory(rows, { ...plain, columns: 100 })
        .split("\n")
        .slice(1, 4),
    ).toEqual([
      "2026-01-02 03:04:05  kernel-oom       default/web-0/app  java 4242         981M/1000M        -",
      "2026-01-02 03:04:05  kernel-oom/pod   default/web-0/app  java 4242 silent  981M/1000M        -",
      "2026-01-02 03:04:05  kernel-oom/node  default/web-0/app  java 4242         981M/1000M        -",
    ]);
  });

  test("what is not known is not made up", () => {
    expect(renderHistory([incident({ ...noFacts })], plain).split("\n")[1]).toMatch(
      / kill +\/kubepods\/pod1\/c1 +- +- +-$/,
    );
    expect(renderHistory([incident({ usageBytes: null })], plain)).toContain(" ?/1000M ");
  });

  test("nothing yet", () => {
    expect(renderHistory([], { ...plain, stateDir: "/var/lib/oom-guard" })).toBe(
      "No incidents in /var/lib/oom-guard: nothing was killed since recording began.\n",
    );
  });

  test.each([72, 80, 100, 200])(
    "no line is wider than %d columns, and nothing unsafe gets out",
    (columns) => {
      const all = hostileNames.flatMap(([, name]) => hostileIncidents(name));
      for (const unicode of [true, false]) {
        const text = renderHistory(all, { columns, color: false, unicode });
        expect(text).not.toMatch(UNSAFE);
        expect(text.split("\n")).toHaveLength(all.length + 2);
        for (const line of text.split("\n")) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns);
        if (!unicode) expect(text).toMatch(/^[\x20-\x7e\n]*$/);
      }
    },
  );

  test("colour adds nothing but colour", () => {
    const all = hostileIncidents("web");
    const colored = renderHistory(all, { ...plain, color: true });
    expect(colored).toContain("\x1b[31mstuck\x1b[0m");
    expect(colored.replaceAll(/\x1b\[\d+m/g, "")).toBe(renderHistory(all, plain));
  });
});

describe("history --json", () => {
  test("has the fields of the contract in its order, and how many died where the list is cut", () => {
    const event = { state: "sent", attempts: 1, name: "web-0.a", reason: null } as const;
    const text = renderHistoryJson([incident({ deadMillis: 31, event })]);
    expect(text).toBe(
      `${JSON.stringify({
        version: 1,
        incidents: [
          {
            id: "mgvk3k00-mgvk0000-1",
            time: "2026-01-02T03:04:05.678Z",
            kind: "kill",
            trigger: "threshold",
            policy: "container",
            cgroup: "/kubepods/pod1/c1",
            namespace: "default",
            pod: "web-0",
            podUid: "0a1b2c3d-0000-4000-8000-00000000000a",
            container: "app",
            containerId: "0123456789ab",
            limitBytes: 1000 * M,
            thresholdBytes: 980 * M,
            usageBytes: 981.25 * M,
            reclaimableBytes: 0.375 * M,
            victims: [{ pid: 4242, comm: "java", rssBytes: 950 * M, oomScoreAdj: 2, badness: 243_712 }],
            victimCount: 3,
            scope: null,
            silent: null,
            decideMicros: 210,
            deadMillis: 31,
            event: { state: "sent", attempts: 1, name: "web-0.a", reason: null },
          },
        ],
      })}\n`,
    );
  });

  test("absent facts are null", () => {
    const [entry] = JSON.parse(renderHistoryJson([incident({ ...noFacts })])).incidents;
    expect(entry).toMatchObject({
      ...noNames,
      limitBytes: null,
      decideMicros: null,
      deadMillis: null,
      victims: [],
    });
  });

  test("no incidents", () => expect(renderHistoryJson([])).toBe('{"version":1,"incidents":[]}\n'));

  test.each(hostileNames)("is one line of JSON that says exactly %s", (_promise, name) => {
    const text = renderHistoryJson([incident({ pod: name })]);
    expect(text.slice(0, -1)).not.toMatch(/[\x00-\x1f]/);
    expect(JSON.parse(text).incidents[0].pod).toBe(name);
  });

  test.each([
    [0, "1970-01-01T00:00:00.000Z"],
    [Number.NaN, "1970-01-01T00:00:00.000Z"],
    [9e15, "1970-01-01T00:00:00.000Z"],
  ])("the time %d is written %s", (time, expected) => expect(rfc3339(time)).toBe(expected));
});
