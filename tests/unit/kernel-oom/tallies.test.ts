import { expect, test } from "bun:test";
import { Tallies } from "../../../src/kernel-oom/tallies.ts";

const EVER = Number.POSITIVE_INFINITY;

test("as many can be taken as were added, each cgroup's apart", () => {
  const tallies = new Tallies();
  tallies.add("/a", EVER);
  tallies.add("/a", EVER);
  tallies.add("/b", EVER);
  expect(["/a", "/a", "/a", "/b", "/b"].map((cgroup) => tallies.take(cgroup, 1e12))).toEqual([
    true,
    true,
    false,
    true,
    false,
  ]);
});

test("what is over cannot be taken", () => {
  const tallies = new Tallies();
  tallies.add("/a", EVER);
  tallies.expire("/a", 100);
  tallies.expire("/a", 200);
  tallies.add("/b", 100);
  expect([tallies.take("/a", 100), tallies.take("/b", 99)]).toEqual([false, true]);
});

test("a thousand cgroups are remembered, those that were added to last", () => {
  const tallies = new Tallies();
  for (let i = 0; i < 1000; i++) tallies.add(`/${i}`, EVER);
  tallies.add("/0", EVER);
  tallies.add("/new", EVER);
  expect([tallies.take("/0", 0), tallies.take("/1", 0), tallies.take("/2", 0)]).toEqual([true, false, true]);
});
