import { expect, test } from "bun:test";
import type { Incident } from "../../../src/record/incident.ts";
import { type EventMode, initialEvent } from "../../../src/record/initial-event.ts";
import { incident } from "./incidents.ts";

const docker = { namespace: null, pod: null, podUid: null };
const nobody = { ...docker, container: null, containerId: null };

test.each([
  ["a pod's container", {}, "on", null],
  ["the kernel's kill", { kind: "kernel-oom" }, "on", null],
  ["a victim that does not die", { kind: "stuck" }, "on", null],
  ["only its uid is known", { ...nobody, podUid: "uid" }, "on", null],
  ["only its container is known: it may be a pod's", docker, "on", null],
  ["nothing was killed", { kind: "would-kill" }, "on", "noop"],
  ["nothing was killed, and nobody would hear of it", { kind: "would-kill" }, "off", "noop"],
  ["a cgroup of something else", nobody, "on", "not in a pod"],
  ["the configuration says no", {}, "off", "kubernetes is off"],
  ["no API server yet, but a pod", {}, "absent", null],
  ["no API server, and Docker's own container", docker, "absent", "no API server"],
] as [string, Partial<Incident>, EventMode, string | null][])("%s", (_promise, changes, mode, reason) => {
  expect(initialEvent(incident(changes), mode)).toEqual({
    state: reason === null ? "pending" : "off",
    attempts: 0,
    name: null,
    reason,
  });
});
