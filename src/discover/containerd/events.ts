import { fromBinary, type Message } from "@bufbuild/protobuf";
import type { GenMessage } from "@bufbuild/protobuf/codegenv2";
import {
  ContainerDeleteSchema,
  ContainerUpdateSchema,
  TaskCreateSchema,
  TaskDeleteSchema,
  TaskStartSchema,
} from "./gen/event_payloads_pb.ts";
import type { Envelope } from "./gen/events_pb.ts";

/** What happened to one container, as far as its name is concerned. */
export type ContainerEvent =
  | {
      readonly type: "running";
      readonly runtimeNamespace: string;
      readonly containerId: string;
      readonly pid: number;
    }
  | {
      readonly type: "stopped";
      readonly runtimeNamespace: string;
      readonly containerId: string;
      readonly pid: number;
    }
  | { readonly type: "relabelled"; readonly runtimeNamespace: string; readonly containerId: string }
  | { readonly type: "deleted"; readonly runtimeNamespace: string; readonly containerId: string };

/** `/tasks/create` comes before the container's first instruction, when its cgroup and limit already exist. */
const TOPICS = ["/tasks/create", "/tasks/start", "/tasks/delete", "/containers/update", "/containers/delete"];

/** containerd's filters for just these events: exec probes alone would be many times as many. */
export function eventFilters(runtimeNamespaces: readonly string[]): string[] {
  return runtimeNamespaces.flatMap((namespace) =>
    TOPICS.map((topic) => `namespace==${JSON.stringify(namespace)},topic==${JSON.stringify(topic)}`),
  );
}

/** Reads one envelope; null for an event that says nothing about names, or cannot be read. */
export function readEvent(envelope: Envelope): ContainerEvent | null {
  const runtimeNamespace = envelope.namespace;
  const bytes = envelope.event?.value ?? new Uint8Array();
  switch (envelope.topic) {
    case "/tasks/create": {
      const created = decode(TaskCreateSchema, bytes);
      return (
        created && { type: "running", runtimeNamespace, containerId: created.containerId, pid: created.pid }
      );
    }
    case "/tasks/start": {
      const started = decode(TaskStartSchema, bytes);
      return (
        started && { type: "running", runtimeNamespace, containerId: started.containerId, pid: started.pid }
      );
    }
    case "/tasks/delete": {
      const ended = decode(TaskDeleteSchema, bytes);
      // Of an exec, not of the container.
      if (ended === null || (ended.id !== "" && ended.id !== ended.containerId)) return null;
      return { type: "stopped", runtimeNamespace, containerId: ended.containerId, pid: ended.pid };
    }
    case "/containers/update": {
      const updated = decode(ContainerUpdateSchema, bytes);
      return updated && { type: "relabelled", runtimeNamespace, containerId: updated.id };
    }
    case "/containers/delete": {
      const deleted = decode(ContainerDeleteSchema, bytes);
      return deleted && { type: "deleted", runtimeNamespace, containerId: deleted.id };
    }
    default:
      return null;
  }
}

function decode<M extends Message>(schema: GenMessage<M>, bytes: Uint8Array): M | null {
  try {
    return fromBinary(schema, bytes);
  } catch {
    return null;
  }
}
