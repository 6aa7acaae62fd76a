import { expect, test } from "bun:test";
import { parseIncident } from "../../../src/record/incident-row.ts";
import { incident } from "./incidents.ts";

test("an incident written as JSON is read as it was", () => {
  expect(parseIncident(JSON.parse(JSON.stringify(incident())))).toEqual(incident());
});

test.each([
  ["nothing", null],
  ["a number", 1],
  ["an empty object", {}],
  ["no event", { ...incident(), event: null }],
  ["an event that is none", { ...incident(), event: 7 }],
  ["no victims", { ...incident(), victims: undefined }],
  ["a victim without a pid", { ...incident(), victims: [{ comm: "java" }] }],
  ["an unknown kind", { ...incident(), kind: "murder" }],
])("is no incident, and no exception: %s", (_promise, json) => expect(parseIncident(json)).toBeNull());

test("what an older version wrote lacks what it did not know", () => {
  const { podUid: _uid, event: _event, ...older } = incident();
  expect(parseIncident({ ...older, event: { state: "off", attempts: 0 } })).toEqual(
    incident({ podUid: null, event: { state: "off", attempts: 0, name: null, reason: null } }),
  );
});
