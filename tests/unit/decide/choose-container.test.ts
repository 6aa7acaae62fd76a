import { expect, test } from "bun:test";
import { type Candidate, orderContainers } from "../../../src/decide/choose-container.ts";

const M = 2 ** 20;
const NODE = 8192 * M;
const candidate = (cgroup: string, megabytes: number, oomScoreAdj: number): Candidate => ({
  cgroup,
  fixedBytes: megabytes * M,
  oomScoreAdj,
});

test.each([
  ["the larger of equals in class", [candidate("/a", 300, 900), candidate("/b", 400, 900)], ["/b", "/a"]],
  // kubelet: adj = 1000 - 1000 * request / node memory. /a asked for 4G and holds 2G, /b asked for 80M and holds 1G.
  [
    "the one further over what it asked for",
    [candidate("/a", 2048, 500), candidate("/b", 1024, 990)],
    ["/b", "/a"],
  ],
  [
    "a BestEffort one before a Guaranteed one",
    [candidate("/a", 4000, -997), candidate("/b", 10, 1000)],
    ["/b", "/a"],
  ],
  ["full equals by their name", [candidate("/b", 5, 0), candidate("/a", 5, 0)], ["/a", "/b"]],
  ["equal excess by size", [candidate("/a", 0, 125), candidate("/b", 1024, 0)], ["/b", "/a"]],
  ["one alone", [candidate("/a", 0, 0)], ["/a"]],
  ["none", [], []],
])("dies first: %s", (_, candidates, order) => {
  expect(orderContainers(candidates, NODE).map(({ cgroup }) => cgroup)).toEqual(order);
  expect(orderContainers([...candidates].reverse(), NODE).map(({ cgroup }) => cgroup)).toEqual(order);
});
