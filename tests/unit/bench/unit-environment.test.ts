import { expect, test } from "bun:test";
import { unitEnvironment } from "../../bench/unit-environment.ts";

test("the environment is what the unit's lines say, quoted or not", () => {
  const unit = `[Service]\n# Environment=NO=1\nEnvironment=A=1 B=x=y\nEnvironment="C=two words"\nExecStart=/bin/true\n`;
  expect(unitEnvironment(unit)).toEqual({ A: "1", B: "x=y", C: "two words" });
});

test("a unit without such lines has none", () => {
  expect(unitEnvironment("[Service]\nExecStart=/bin/true\n")).toEqual({});
});
