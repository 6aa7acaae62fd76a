import { expect, test } from "bun:test";
import { parseJunit } from "../../runner/junit.ts";

const report = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="bun test" tests="6" assertions="1" failures="3" skipped="2" time="0.1">
  <testsuite name="x.test.ts" file="x.test.ts" tests="6">
    <testsuite name="g &lt;x&gt;" file="x.test.ts" line="2">
      <testcase name="ok" classname="g &lt;x&gt;" time="0.1" file="x.test.ts" line="2" assertions="0" />
      <testcase name="bad &quot;one&quot;" classname="g &lt;x&gt;" time="0.1" file="x.test.ts" line="2" assertions="1">
        <failure type="AssertionError" message="expect(received).toBe(expected)&#10;">AssertionError: 1 &lt; 2&#10;  at x.test.ts:2&#10;</failure>
      </testcase>
      <testcase name="sk" classname="g &lt;x&gt;" time="0" file="x.test.ts" line="2" assertions="0">
        <skipped />
      </testcase>
      <testcase name="td" classname="" time="0" file="x.test.ts" line="2" assertions="0">
        <skipped message="TODO" />
      </testcase>
      <testcase name="slow" classname="" time="0.1" file="x.test.ts" line="2" assertions="0">
        <failure type="TimeoutError" message="test timed out" />
      </testcase>
      <testcase name="last" classname="" time="0.1" file="x.test.ts" line="2" assertions="0" />
    </testsuite>
  </testsuite>
</testsuites>`;

test("counts, and names what failed and why", () => {
  expect(parseJunit(report)).toEqual({
    passed: 2,
    skipped: 2,
    failures: [
      { name: 'g <x> > bad "one"', message: "AssertionError: 1 < 2\n  at x.test.ts:2" },
      { name: "slow", message: "test timed out" },
    ],
  });
});

test.each([
  ["nothing", ""],
  ["half a report", report.slice(0, 700)],
])("%s is no report", (_, xml) => {
  expect(parseJunit(xml)).toBeNull();
});
