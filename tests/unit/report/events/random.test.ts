import { expect, setDefaultTimeout, test } from "bun:test";
import type { ApiErrorKind } from "../../../../src/kubernetes/api-error.ts";
import { type EventSeries, fold, folds } from "../../../../src/record/event-series.ts";
import { occurrenceOf } from "../../../../src/report/events/event.ts";
import type { Fate } from "./fake-server.ts";
import { Rig } from "./rig.ts";

// 2 s on an idle machine.
setDefaultTimeout(60_000);

const LOSSES: ApiErrorKind[] = ["timeout", "unreachable", "server", "garbage", "throttled", "unauthorized"];
const PODS = ["web", "db", "dns", "cache", "queue"];
const KINDS = ["kill", "kernel-oom", "stuck"] as const;
const STEPS = 60;

/** Small and the same everywhere (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** What the server must have in the end: the incidents, folded. */
function expectedSeries(rig: Rig): Map<string, EventSeries> {
  const all: EventSeries[] = [];
  for (const incident of rig.incidents) {
    const { namespace, pod, podUid, container } = incident;
    const told = occurrenceOf(incident, { namespace: namespace!, pod: pod!, podUid: podUid!, container })!;
    const index = all.findLastIndex(
      (series) =>
        series.podUid === told.podUid && series.reason === told.reason && folds(series, told.timeMs),
    );
    if (index < 0) all.push(fold(null, told));
    else all[index] = fold(all[index]!, told);
  }
  return new Map(all.map((series) => [`default/${series.name}`, series]));
}

test.each(Array.from({ length: 20 }, (_, i) => i + 1))(
  "failures, lost answers, deaths, restarts and expiries at random (%d): each Event once, with the right count",
  async (seed) => {
    using rig = new Rig();
    const random = randomFrom(seed);
    const pick = <T>(from: readonly T[]) => from[Math.floor(random() * from.length)]!;
    rig.random = random;
    let trouble = 0;
    let deaths = 0;
    rig.server.fateOf = (): Fate => {
      if (random() >= trouble) return "answer";
      const kind = random();
      if (kind < 0.1) return "hang";
      return kind < 0.5 ? { before: pick(LOSSES) } : { after: pick(LOSSES) };
    };
    rig.server.latency = async () => {
      if (random() < deaths) rig.crash();
    };
    const expired = new Map<string, number>();
    for (let i = 0; i < STEPS; i++) {
      trouble = pick([0, 0, 0.5, 1]);
      deaths = pick([0, 0, 0.3]);
      const count = Math.floor(random() * 4);
      rig.add(
        Array.from({ length: count }, () => pick(PODS)),
        { kind: pick(KINDS) },
      );
      const name = pick([...rig.server.events.keys(), null]);
      if (name !== null && random() < 0.2) {
        rig.server.events.delete(name);
        expired.set(name, (expired.get(name) ?? 0) + 1);
      }
      if (random() < 0.3) rig.crash();
      await rig.clock.pass(pick([0, 10, 1000, 60_000, 600_000, 3_000_000]));
    }
    trouble = 0;
    deaths = 0;
    // What hangs hangs for ever here.
    rig.crash();
    for (let hours = 0; hours < 48 && rig.states.includes("pending"); hours++)
      await rig.clock.pass(3_600_000);

    expect(new Set(rig.states)).toEqual(new Set(["sent"]));
    const expected = expectedSeries(rig);
    for (const [name, event] of rig.server.events) {
      expect([name, event.count]).toEqual([name, expected.get(name)?.count ?? 0]);
      expect(event.message).toBe(expected.get(name)!.message);
    }
    for (const name of expected.keys()) {
      // Made once, and once more each time it was gone, unless there was nothing new to tell.
      const made = rig.server.made.get(name) ?? 0;
      const gone = expired.get(name) ?? 0;
      expect(made).toBe(gone + (rig.server.events.has(name) ? 1 : 0));
    }
    expect(rig.server.made.size).toBe(expected.size);
    expect(rig.clock.pending).toBe(0);
  },
);
