import { expect, test } from "bun:test";
import { type AllowanceRule, allowanceLeftMs, fullAllowance, spend } from "../../../src/decide/allowance.ts";

const rule: AllowanceRule = { mostMs: 60, share: 0.01 };

test("time that is spent comes back slowly, as far as it goes", () => {
  const tired = spend(fullAllowance(rule), rule, 100, 0);
  expect(allowanceLeftMs(tired, rule, 0)).toBe(-40);
  expect(allowanceLeftMs(tired, rule, 5000)).toBe(10);
  expect(allowanceLeftMs(tired, rule, 1e9)).toBe(60);
});
