import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { SysError } from "../../ffi/sys-error.ts";
import type { Held, HeldMemory } from "../../src/cgroup/held.ts";
import { type NotKept, OomKeeper } from "../../src/cgroup/v1/oom-keeper.ts";
import { TestCgroup } from "../support/cgroup.ts";
import { hierarchy } from "../support/hierarchy.ts";
import { isHeld, setHeld } from "../support/oom-control.ts";
import { missingMemoryCgroup } from "../support/requirements.ts";

describe.skipIf(missingMemoryCgroup() !== null)("who keeps memory.oom_control", () => {
  let top: TestCgroup;
  let memory: Map<string, Held>;
  let told: [string, NotKept][];
  let keeper: OomKeeper;

  const remembering = (): HeldMemory => ({
    get all() {
      return [...memory.values()];
    },
    of: (cgroup) => memory.get(cgroup),
    note: (held) => memory.set(held.cgroup, held),
    forget: (cgroup) => memory.delete(cgroup),
  });
  const nextProcess = (remembers = remembering()) =>
    new OomKeeper(hierarchy.mount, remembers, (cgroup, why) => told.push([cgroup, why]));

  beforeEach(() => {
    top = TestCgroup.top();
    memory = new Map();
    told = [];
    keeper = nextProcess();
  });

  afterEach(() => top.remove());

  test("writes down what was there before it sets anything", () => {
    const noted: unknown[] = [];
    const writing = { ...remembering(), note: ({ found }: Held) => noted.push([found, isHeld(top)]) };
    nextProcess(writing as unknown as HeldMemory).hold(top.path);
    expect(noted).toEqual([[0, false]]);
  });

  test("sets nothing that cannot be written down, and tells", () => {
    const error = new SysError("write", 28, "/run/held");
    const failing = {
      ...remembering(),
      note: () => {
        throw error;
      },
    };
    nextProcess(failing).hold(top.path);
    expect(isHeld(top)).toBe(false);
    expect(told).toEqual([[top.path, { because: "refused", error }]]);
  });

  test("what the kernel refuses is told, and is not taken for held", () => {
    keeper.hold("/");
    expect(told).toMatchObject([["/", { because: "refused", error: { code: "EINVAL" } }]]);
    expect(memory.size).toBe(0);
  });

  test("a cgroup that is gone is an error; one that went while it was held is forgotten", async () => {
    expect(() => keeper.hold(`${top.path}/gone`)).toThrow(SysError);
    const child = top.child("child");
    keeper.hold(child.path);
    await child.remove();
    keeper.letGo(child.path);
    expect(memory.size).toBe(0);
  });

  test("one that died between writing it down and setting it: the next one sets it, and gives it back", () => {
    keeper.hold(top.path);
    setHeld(top, false);
    const next = nextProcess();
    next.hold(top.path);
    expect([isHeld(top), told.length]).toEqual([true, 0]);
    next.letAllGo();
    expect(isHeld(top)).toBe(false);
  });

  test("tidy leaves alone what is held now", () => {
    const [a, b] = ["a", "b"].map((name) => top.child(name));
    for (const cgroup of [a!, b!]) keeper.hold(cgroup.path);
    const next = nextProcess();
    next.hold(a!.path);
    next.tidy();
    expect([isHeld(a!), isHeld(b!)]).toEqual([true, false]);
  });

  test("everything, and for good", () => {
    keeper.hold(top.path);
    keeper.letAllGo();
    keeper.hold(top.path);
    expect([isHeld(top), memory.size]).toEqual([false, 0]);
  });

  test("a held child of a held cgroup stays held when only its parent is let go", () => {
    keeper.hold(top.path);
    const child = top.child("child");
    keeper.hold(child.path);
    keeper.letGo(top.path);
    expect([isHeld(top), isHeld(child)]).toEqual([false, true]);
    keeper.letGo(child.path);
    expect([isHeld(child), memory.size]).toEqual([false, 0]);
  });

  test("what was set below by somebody else before is remembered over a crash, and then no longer", () => {
    const theirs = top.child("theirs");
    setHeld(theirs, true);
    keeper.hold(top.path);
    const inherited = top.child("inherited");
    nextProcess().letAllGo();
    expect([isHeld(top), isHeld(theirs), isHeld(inherited)]).toEqual([false, true, false]);
    expect(memory.size).toBe(0);
  });

  test("what is set below somebody else's is theirs, too", () => {
    setHeld(top, true);
    const child = top.child("child");
    keeper.hold(child.path);
    keeper.letAllGo();
    expect(isHeld(child)).toBe(true);
  });
});
