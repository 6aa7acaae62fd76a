import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { SysError } from "../../ffi/sys-error.ts";
import { pageBytes } from "../../ffi/sysinfo.ts";
import type { Held, HeldMemory } from "../../src/cgroup/held.ts";
import { HighKeeper } from "../../src/cgroup/v2/high.ts";
import { TestCgroup } from "../support/cgroup.ts";
import { hierarchy } from "../support/hierarchy.ts";
import { until } from "../support/until.ts";

let top: TestCgroup;
let memory: Map<string, Held>;
let keeper: HighKeeper;

const remembering = (): HeldMemory => ({
  get all() {
    return [...memory.values()];
  },
  of: (cgroup) => memory.get(cgroup),
  note: (held) => memory.set(held.cgroup, held),
  forget: (cgroup) => memory.delete(cgroup),
});
const nextProcess = (remembers = remembering()) => new HighKeeper(hierarchy.mount, remembers);

beforeEach(() => {
  top = TestCgroup.top();
  memory = new Map();
  keeper = nextProcess();
});

afterEach(() => top.remove());

/** Paths relative to the mount. */
const at = (name: string) => `${top.path}/${name}`;
const make = (name: string, high: string) => write(name, high);
const write = (name: string, high: string) => top.child(name).write("memory.high", high);
const high = (name: string) => top.child(name).read("memory.high").trim();
/** What is given back in bytes is written in the engine's pool. */
const becomes = (name: string, value: string) =>
  until(`memory.high of ${name} is ${value}`, () => high(name) === value);
const PAGE = pageBytes;

describe("hold", () => {
  test("sets whole pages, which is what the kernel keeps", async () => {
    make("a", "max");
    await keeper.hold(at("a"), 10 * PAGE + 1);
    expect(high("a")).toBe(String(10 * PAGE));
  });

  test("writes down what was there before it sets anything", async () => {
    make("a", "max");
    const noted: string[] = [];
    const writing = {
      ...remembering(),
      note: (held: Held) => noted.push(`${held.found} ${high("a")}`),
    };
    await nextProcess(writing as unknown as HeldMemory).hold(at("a"), PAGE);
    expect(noted).toEqual(["Infinity max"]);
  });

  test("sets nothing that cannot be written down", async () => {
    make("a", "max");
    const failing = {
      ...remembering(),
      note: () => {
        throw new SysError("write", 28, "/run/held");
      },
    };
    const held = nextProcess(failing).hold(at("a"), PAGE);
    expect(held).rejects.toThrow(SysError);
    await held.catch(() => undefined);
    expect(high("a")).toBe("max");
  });

  test.each([
    ["less", PAGE, PAGE],
    ["as much", 10 * PAGE, 10 * PAGE],
    ["more", 11 * PAGE, 10 * PAGE],
  ])("somebody else's value that is %s: the smaller wins", async (_, found, wins) => {
    make("a", String(found));
    await keeper.hold(at("a"), 10 * PAGE);
    expect(high("a")).toBe(String(wins));
    keeper.letGo(at("a"));
    await becomes("a", String(found));
  });

  test("a cgroup that is gone is an error", async () => {
    const held = keeper.hold(at("gone"), PAGE);
    expect(held).rejects.toThrow(SysError);
    await held.catch(() => undefined);
  });
});

describe("let go", () => {
  test("before the write has happened: nothing stays set", async () => {
    make("a", "max");
    const held = keeper.hold(at("a"), PAGE);
    keeper.letGo(at("a"));
    await held;
    expect(high("a")).toBe("max");
    expect(memory.size).toBe(0);
  });

  test("and held again at once: it is held", async () => {
    make("a", "max");
    const first = keeper.hold(at("a"), PAGE);
    keeper.letGo(at("a"));
    await Promise.all([first, keeper.hold(at("a"), 2 * PAGE)]);
    expect(high("a")).toBe(String(2 * PAGE));
    keeper.letGo(at("a"));
    expect(high("a")).toBe("max");
  });

  test("a value that somebody has set meanwhile is theirs", async () => {
    make("a", "max");
    await keeper.hold(at("a"), 10 * PAGE);
    write("a", String(12 * PAGE));
    keeper.letGo(at("a"));
    expect(high("a")).toBe(String(12 * PAGE));
    expect(memory.size).toBe(0);
  });

  test("everything, and for good", async () => {
    for (const cgroup of ["a", "b", "c"]) make(cgroup, "max");
    await Promise.all([keeper.hold(at("a"), PAGE), keeper.hold(at("b"), PAGE)]);
    await keeper.letAllGo(1000);
    await keeper.hold(at("c"), PAGE);
    expect(["a", "b", "c"].map(high)).toEqual(["max", "max", "max"]);
    expect(memory.size).toBe(0);
  });

  test("one that is gone is forgotten", async () => {
    make("a", "max");
    await keeper.hold(at("a"), PAGE);
    await top.child("a").remove();
    keeper.letGo(at("a"));
    expect(memory.size).toBe(0);
  });
});

describe("after a crash", () => {
  test("what is found is what the one before had found, however often it crashed", async () => {
    make("a", String(100 * PAGE));
    for (const pages of [10, 20, 5]) await nextProcess().hold(at("a"), pages * PAGE);
    const last = nextProcess();
    await last.hold(at("a"), 50 * PAGE);
    last.letGo(at("a"));
    await becomes("a", String(100 * PAGE));
  });

  test("between writing it down and setting it, with another value set before: nothing is mistaken for another's", async () => {
    make("a", "max");
    await keeper.hold(at("a"), 10 * PAGE);
    // As if the process had died right before the second write.
    await keeper.hold(at("a"), 20 * PAGE);
    write("a", String(10 * PAGE));
    nextProcess().tidy();
    expect(high("a")).toBe("max");
  });

  test("tidy leaves alone what is held now", async () => {
    for (const cgroup of ["a", "b"]) make(cgroup, "max");
    await Promise.all([keeper.hold(at("a"), PAGE), keeper.hold(at("b"), PAGE)]);
    const next = nextProcess();
    await next.hold(at("a"), PAGE);
    next.tidy();
    expect(["a", "b"].map(high)).toEqual([String(PAGE), "max"]);
  });

  test("a new cgroup of an old one's name is not touched", async () => {
    make("a", "max");
    await keeper.hold(at("a"), PAGE);
    const { inode, ...rest } = memory.get(at("a"))!;
    memory.set(at("a"), { ...rest, inode: `${inode}0` });
    nextProcess().tidy();
    expect(high("a")).toBe(String(PAGE));
    expect(memory.size).toBe(0);
  });
});
