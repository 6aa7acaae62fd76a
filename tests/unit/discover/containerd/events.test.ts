import { describe, expect, test } from "bun:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { eventFilters, readEvent } from "../../../../src/discover/containerd/events.ts";
import {
  ContainerDeleteSchema,
  ContainerUpdateSchema,
  TaskCreateSchema,
  TaskDeleteSchema,
  TaskStartSchema,
} from "../../../../src/discover/containerd/gen/event_payloads_pb.ts";
import { EnvelopeSchema } from "../../../../src/discover/containerd/gen/events_pb.ts";

const envelope = (topic: string, value: Uint8Array) =>
  create(EnvelopeSchema, { namespace: "k8s.io", topic, event: { typeUrl: "any", value } });
const of = { runtimeNamespace: "k8s.io", containerId: "c1" };
const ended = (id: string) =>
  toBinary(TaskDeleteSchema, create(TaskDeleteSchema, { containerId: "c1", pid: 7, id }));

describe("readEvent", () => {
  test.each<[string, string, Uint8Array, object | null]>([
    [
      "a created task runs",
      "/tasks/create",
      toBinary(TaskCreateSchema, create(TaskCreateSchema, { containerId: "c1", pid: 7 })),
      { type: "running", ...of, pid: 7 },
    ],
    [
      "a started task runs",
      "/tasks/start",
      toBinary(TaskStartSchema, create(TaskStartSchema, { containerId: "c1", pid: 7 })),
      { type: "running", ...of, pid: 7 },
    ],
    ["a deleted task has stopped", "/tasks/delete", ended(""), { type: "stopped", ...of, pid: 7 }],
    [
      "older shims name the container again",
      "/tasks/delete",
      ended("c1"),
      { type: "stopped", ...of, pid: 7 },
    ],
    ["a deleted exec says nothing of the container", "/tasks/delete", ended("probe-1"), null],
    [
      "a container's labels may have changed",
      "/containers/update",
      toBinary(ContainerUpdateSchema, create(ContainerUpdateSchema, { id: "c1" })),
      { type: "relabelled", ...of },
    ],
    [
      "a container is deleted",
      "/containers/delete",
      toBinary(ContainerDeleteSchema, create(ContainerDeleteSchema, { id: "c1" })),
      { type: "deleted", ...of },
    ],
    ["another topic", "/images/create", new Uint8Array(), null],
    ["bytes that are no message", "/tasks/start", new Uint8Array([0xff, 0xff, 0xff]), null],
  ])("%s", (_, topic, value, expected) => {
    expect(readEvent(envelope(topic, value))).toEqual(expected as ReturnType<typeof readEvent>);
  });

  test("an envelope without an event does not throw", () => {
    const event = readEvent(create(EnvelopeSchema, { namespace: "k8s.io", topic: "/containers/delete" }));
    expect(event).toMatchObject({ type: "deleted", containerId: "" });
  });
});

test("the filters name each topic in each namespace, quoted", () => {
  const filters = eventFilters(["k8s.io", "moby"]);
  expect(filters).toHaveLength(10);
  expect(filters).toContain('namespace=="moby",topic=="/tasks/start"');
});
