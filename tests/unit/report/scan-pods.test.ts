import { describe, expect, test } from "bun:test";
import { renderPods } from "../../../src/report/scan-pods.ts";
import type { ScanPod } from "../../../src/report/scan-report.ts";
import { M } from "../record/incidents.ts";
import { hostileNames, UNSAFE } from "./hostile.ts";

const plain = { columns: 80, color: false, unicode: true };

/** Sizes in M. */
function pod(name: string, request: number, limit: number | null, used: number | null): ScanPod {
  return {
    namespace: "shop",
    pod: name,
    requestBytes: request * M,
    limitBytes: limit === null ? null : limit * M,
    workingSetBytes: used === null ? null : used * M,
    overcommitBytes: limit === null ? null : (limit - request) * M,
    wasteBytes: used === null ? null : Math.max(0, request - used) * M,
  };
}

const linesOf = (pods: readonly ScanPod[], options: Partial<typeof plain> = {}) =>
  renderPods(pods, { ...plain, ...options }).split("\n");

test("reads at a glance", () => {
  expect(linesOf([pod("web", 256, 1024, 100), pod("db", 500, 500, 499), pod("idle", 300, null, 10)])).toEqual(
    [
      "",
      "MOST OVERCOMMIT (limit - request) REQUEST LIMIT OVER",
      "shop/web                             256M    1G 768M",
      "",
      "MOST WASTE (request - working set) REQUEST USED WASTE",
      "shop/idle                             300M  10M  290M",
      "shop/web                              256M 100M  156M",
      "shop/db                               500M 499M    1M",
      "",
    ],
  );
});

describe("left out are", () => {
  test.each<[string, ScanPod[]]>([
    ["pods of which nothing is known", [pod("a", 10, null, null)]],
    ["pods that use what they ask for, and may use no more", [pod("a", 10, 10, 11)]],
    ["pods that there are none of", []],
  ])("%s", (_promise, pods) => expect(renderPods(pods, plain)).toBe(""));

  test("the eleventh and the rest", () => {
    const many = Array.from({ length: 12 }, (_, i) => pod(`p${i}`, 100, 200 + i, 50 - i));
    const names = linesOf(many).flatMap((line) => /^shop\/(p\d+) /.exec(line)?.slice(1) ?? []);
    const expected = Array.from({ length: 10 }, (_, i) => `p${11 - i}`);
    expect(names).toEqual([...expected, ...expected]);
  });
});

test("equals are in the order of their names", () => {
  const names = linesOf([pod("c", 1, 5, null), pod("a", 1, 5, null), pod("b", 1, 5, null)])
    .slice(2, 5)
    .map((line) => line.split(" ")[0]);
  expect(names).toEqual(["shop/a", "shop/b", "shop/c"]);
});

test.each([40, 41, 60, 80, 120, 200])("no line is wider than %d columns", (columns) => {
  const pods = Array.from({ length: 12 }, (_, i) => pod(`${"long-".repeat(i)}name`, 1023.9, 2000 + i, 9));
  for (const unicode of [true, false]) {
    for (const line of linesOf(pods, { columns, unicode }))
      expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns);
  }
});

test("colour adds nothing but colour", () => {
  const pods = [pod("web", 256, 1024, 100)];
  const colored = renderPods(pods, { ...plain, color: true });
  expect(colored).toContain("\x1b[2mMOST WASTE");
  expect(colored.replaceAll(/\x1b\[\d+m/g, "")).toBe(renderPods(pods, plain));
});

test.each(hostileNames)("nothing unsafe gets out, whoever is named with %s", (_promise, name) => {
  const pods = [{ ...pod(name, 256, 1024, 100), namespace: name }];
  expect(renderPods(pods, plain)).not.toMatch(UNSAFE);
});
