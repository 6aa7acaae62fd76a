import { describe, expect, test } from "bun:test";
import type { ResolvedPod } from "../../../../src/report/events/ports.ts";
import { Rig } from "./rig.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const NOBODY = "no pod of this node has this container";
const unnamed = { namespace: null, pod: null, podUid: null, container: null };
const web: ResolvedPod = { namespace: "default", pod: "web", podUid: "uid-of-web", container: "app" };
const without = { ...web, container: null };

const fieldPaths = (rig: Rig) =>
  [...rig.server.events.values()].map(({ involvedObject }) => involvedObject.fieldPath);

describe("a container the list does not have", () => {
  test("is asked for again, ever more seldom, and closed after a minute", async () => {
    using rig = new Rig();
    await rig.happen(["web"], unnamed);
    const asked: number[] = [];
    for (let second = 0; second <= 90; second++) {
      if (rig.asked.splice(0).length > 0) asked.push(second);
      if (second < 60) expect(rig.states).toEqual(["pending"]);
      await rig.clock.pass(SECOND);
    }
    expect(asked).toEqual([0, 1, 3, 7, 15, 31, 61]);
    expect(rig.states).toEqual([NOBODY]);
    expect([rig.server.take(), rig.told, rig.clock.pending]).toEqual([[], [], 0]);
  });

  test("and that a later one has gets its Event", async () => {
    using rig = new Rig();
    await rig.happen(["web"], unnamed);
    rig.resolve = () => web;
    await rig.clock.pass(SECOND);
    expect(rig.server.counts).toEqual(["web:1"]);
    expect([rig.states, rig.told, rig.clock.pending]).toEqual([["sent"], [], 0]);
  });

  test("holds up no other", async () => {
    using rig = new Rig();
    await rig.happen(["nobody"], unnamed);
    await rig.clock.pass(20 * SECOND);
    rig.resolve = ({ containerId }) => (containerId === "container-of-web" ? web : null);
    const questions = rig.asked.length;
    await rig.happen(["web"], unnamed);
    expect(rig.states).toEqual(["pending", "sent"]);
    expect(rig.asked.length).toBe(questions + 1);
  });

  test("has incidents of different ages: each is closed at its own", async () => {
    using rig = new Rig();
    await rig.happen(["web"], { ...unnamed, timeMs: rig.clock.wall - MINUTE });
    await rig.happen(["web"], unnamed);
    expect(rig.states).toEqual([NOBODY, "pending"]);
    await rig.clock.pass(2 * MINUTE);
    expect(rig.states).toEqual([NOBODY, NOBODY]);
  });

  test.each([1, -1])("is not waited for when the wall clock jumps (%d day)", async (days) => {
    using rig = new Rig();
    await rig.happen(["web"], unnamed);
    rig.clock.wallOffset += days * 24 * 60 * MINUTE;
    await rig.clock.pass(SECOND);
    expect(rig.states).toEqual([NOBODY]);
  });

  test("is waited for once more when the server was away, however old it is", async () => {
    using rig = new Rig();
    rig.resolve = () => "unreachable";
    await rig.happen(["web"], unnamed);
    await rig.clock.pass(10 * MINUTE);
    rig.resolve = () => null;
    await rig.clock.pass(31 * SECOND);
    expect(rig.states).toEqual(["pending"]);
    rig.resolve = () => web;
    await rig.clock.pass(31 * SECOND);
    expect(rig.states).toEqual(["sent"]);
  });

  test("is waited for across a restart, by its age", async () => {
    using rig = new Rig();
    await rig.happen(["web"], unnamed);
    await rig.clock.pass(50 * SECOND);
    rig.crash();
    await rig.clock.pass(5 * SECOND);
    expect(rig.states).toEqual(["pending"]);
    await rig.clock.pass(30 * SECOND);
    expect(rig.states).toEqual([NOBODY]);
  });
});

describe("a container of which only the pod is known", () => {
  const known = { namespace: "default", pod: "web", podUid: "uid-of-web", container: null };

  test.each([
    ["by the list", unnamed],
    ["by the incident", known],
  ])("%s: its name is waited for", async (_, names) => {
    using rig = new Rig();
    rig.resolve = () => without;
    await rig.happen(["web"], names);
    expect(rig.states).toEqual(["pending"]);
    rig.resolve = () => web;
    await rig.clock.pass(SECOND);
    expect(rig.states).toEqual(["sent"]);
    expect(fieldPaths(rig)).toEqual(["spec.containers{app}"]);
  });

  test.each([
    ["by the list", unnamed, without],
    ["by the incident", known, null],
    ["by the incident, and the list says no more", known, without],
  ])("%s: told without it after 30 s", async (_, names, found) => {
    using rig = new Rig();
    rig.resolve = () => found;
    await rig.happen(["web"], names);
    await rig.clock.pass(29 * SECOND);
    expect(rig.states).toEqual(["pending"]);
    await rig.clock.pass(3 * SECOND);
    expect(rig.states).toEqual(["sent"]);
    expect(fieldPaths(rig)).toEqual([undefined]);
  });

  test("is told after five minutes where the pods cannot be listed, behind others that have to wait", async () => {
    using rig = new Rig();
    rig.resolve = () => "forbidden";
    await rig.happen(["other"], unnamed);
    await rig.happen(["web"], known);
    await rig.clock.pass(4 * MINUTE);
    expect(rig.states).toEqual(["pending", "pending"]);
    await rig.clock.pass(2 * MINUTE);
    expect(rig.states).toEqual(["pending", "sent"]);
  });

  test("gets its name when the server is back, whatever its age", async () => {
    using rig = new Rig();
    rig.resolve = () => "unreachable";
    await rig.happen(["web"], known);
    await rig.clock.pass(4 * MINUTE);
    rig.resolve = () => without;
    await rig.clock.pass(31 * SECOND);
    rig.resolve = () => web;
    await rig.clock.pass(16 * SECOND);
    expect(fieldPaths(rig)).toEqual(["spec.containers{app}"]);
  });

  test("a whole pod has none to wait for", async () => {
    using rig = new Rig();
    await rig.happen(["web"], { ...known, containerId: null });
    expect([rig.states, rig.asked]).toEqual([["sent"], []]);
  });
});

test("many are asked for together, once the first has an answer", async () => {
  using rig = new Rig();
  let underWay = 0;
  let most = 0;
  rig.find = async () => {
    most = Math.max(most, ++underWay);
    await Bun.sleep(1);
    underWay--;
  };
  rig.resolve = ({ containerId }) => (containerId === "container-of-a" ? "timeout" : null);
  await rig.happen(["a", "b", "c", "d"], unnamed);
  await Bun.sleep(20);
  expect([rig.asked.length, most]).toEqual([1, 1]);
  rig.resolve = () => null;
  await rig.clock.pass(SECOND);
  await Bun.sleep(20);
  expect([rig.asked.length, most]).toEqual([5, 3]);
});
