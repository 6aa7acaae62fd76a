import { expect, test } from "bun:test";
import { type Check, type Checked, ok, warn } from "../../../src/doctor/check.ts";
import { checkup } from "../../../src/doctor/checkup.ts";

async function run(checks: readonly Check[], isStopped: (done: readonly Checked[]) => boolean = () => false) {
  const told: Checked[] = [];
  const done = await checkup(checks, {
    timeoutMs: 50,
    onChecked: (checked) => void told.push(checked),
    isStopped: () => isStopped(told),
  });
  expect(told).toEqual(done);
  return done;
}

const fine: Check = { id: "fine", look: () => ok("it works") };
const never = () => new Promise<never>(() => undefined);

test("checks are done one after the other, in their order, and each is told of when it is done", async () => {
  let running = 0;
  const slow = (id: string, ms: number): Check => ({
    id,
    look: async () => {
      expect(++running).toBe(1);
      await Bun.sleep(ms);
      running--;
      return ok(id);
    },
  });
  const done = await run([slow("a", 10), slow("b", 1), fine]);
  expect(done.map(({ id }) => id)).toEqual(["a", "b", "fine"]);
});

test.each<[string, () => never | Promise<never>, string]>([
  [
    "throws",
    () => {
      throw new Error("read /x: EIO");
    },
    "cannot be told: read /x: EIO",
  ],
  ["rejects with no error", () => Promise.reject("why"), "cannot be told: why"],
  ["does not end", never, "not known within 0.05 s"],
])("a check that %s has failed, and the others are done", async (_, look, detail) => {
  const done = await run([{ id: "bad", look }, fine]);
  expect(done[0]).toMatchObject({ id: "bad", outcome: "fail", detail });
  expect(done[1]).toEqual({ id: "fine", outcome: "ok", detail: "it works", fix: null });
});

test("text from outside comes out printable and on one line", async () => {
  const [checked] = await run([{ id: "told", look: () => warn("a\u001b[31m\nb", "c\u202ed") }]);
  expect(checked).toMatchObject({ detail: "a\\x1b[31m\\x0ab", fix: "c\\u202ed" });
});

test("it ends after the check during which it was stopped", async () => {
  const done = await run([fine, fine, fine], (told) => told.length === 2);
  expect(done).toHaveLength(2);
});
