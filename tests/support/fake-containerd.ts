import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Http2Server, type ServerHttp2Session } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import {
  type Container,
  ContainerSchema,
  Containers,
} from "../../src/discover/containerd/gen/containers_pb.ts";
import { TaskDeleteSchema, TaskStartSchema } from "../../src/discover/containerd/gen/event_payloads_pb.ts";
import { type Envelope, EnvelopeSchema, Events } from "../../src/discover/containerd/gen/events_pb.ts";
import { Status } from "../../src/discover/containerd/gen/task_pb.ts";
import { Tasks } from "../../src/discover/containerd/gen/tasks_pb.ts";
import { Version } from "../../src/discover/containerd/gen/version_pb.ts";

/** A container as the fake knows it. Its pid is this process's unless given, so that /proc has it. */
export interface FakeContainer {
  readonly id: string;
  readonly labels?: Readonly<Record<string, string | Uint8Array>>;
  readonly cgroupsPath?: string;
  /** The rest of its OCI spec. */
  readonly spec?: object;
  /** 0: no task. */
  readonly pid?: number;
}

/**
 * A server that speaks containerd's API, to misbehave in ways that the real one only does by chance: events in
 * the middle of a list, missing methods, bytes that are no text. What is true of the real one is tested on it.
 */
export class FakeContainerd {
  readonly socket: string;
  containers: FakeContainer[] = [];
  /** As containerd before 1.3. */
  withoutListStream = false;
  /** Called at each list after what it will answer is settled and before it answers. */
  duringList: () => void | Promise<void> = () => undefined;
  lists = 0;
  version = "v1.6.20";
  /** How long it takes to tell it. */
  versionMs = 0;
  readonly #directory = mkdtempSync(join(tmpdir(), "oom-guard-fake-"));
  readonly #subscribers = new Set<(envelope: Envelope) => void>();
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #server: Http2Server;

  constructor() {
    this.socket = join(this.#directory, "containerd.sock");
    const encoder = new TextEncoder();
    const toMessage = (fake: FakeContainer): Container => {
      const labels = Object.entries(fake.labels ?? {}).map(([key, value]) => ({
        key: encoder.encode(key),
        value: typeof value === "string" ? encoder.encode(value) : value,
      }));
      const spec = {
        value: encoder.encode(JSON.stringify({ linux: { cgroupsPath: fake.cgroupsPath }, ...fake.spec })),
      };
      return create(ContainerSchema, { id: fake.id, labels, spec });
    };
    const list = async (): Promise<Container[]> => {
      const answer = this.containers.map(toMessage);
      this.lists++;
      await this.duringList();
      return answer;
    };
    const self = this;
    const handler = connectNodeAdapter({
      routes: (router) => {
        router.service(Containers, {
          get: ({ id }) => {
            const found = this.containers.find((container) => container.id === id);
            if (found === undefined) throw new ConnectError("no such container", Code.NotFound);
            return { container: toMessage(found) };
          },
          list: async () => ({ containers: await list() }),
          async *listStream() {
            if (self.withoutListStream) throw new ConnectError("unknown method", Code.Unimplemented);
            for (const container of await list()) yield { container };
          },
        });
        router.service(Tasks, {
          list: () => ({
            tasks: this.containers
              .filter((container) => container.pid !== 0)
              .map(({ id, pid = process.pid }) => ({ id, pid, status: Status.RUNNING })),
          }),
        });
        router.service(Version, {
          version: async () => {
            await Bun.sleep(this.versionMs);
            return { version: this.version };
          },
        });
        router.service(Events, {
          async *subscribe(_, context) {
            const queue: Envelope[] = [];
            let wake = () => {};
            const push = (envelope: Envelope) => {
              queue.push(envelope);
              wake();
            };
            self.#subscribers.add(push);
            context.signal.addEventListener("abort", () => wake());
            try {
              while (!context.signal.aborted) {
                const next = queue.shift();
                if (next !== undefined) yield next;
                else await new Promise<void>((resolve) => (wake = resolve));
              }
            } finally {
              self.#subscribers.delete(push);
            }
          },
        });
      },
    });
    this.#server = createServer(handler);
    this.#server.on("session", (session) => {
      this.#sessions.add(session);
      session.on("close", () => this.#sessions.delete(session));
    });
  }

  start(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(this.socket, resolve));
  }

  get subscribers(): number {
    return this.#subscribers.size;
  }

  emitStart(containerId: string, pid = process.pid): void {
    this.#emit("/tasks/start", toBinary(TaskStartSchema, create(TaskStartSchema, { containerId, pid })));
  }

  emitDelete(containerId: string, pid: number): void {
    this.#emit("/tasks/delete", toBinary(TaskDeleteSchema, create(TaskDeleteSchema, { containerId, pid })));
  }

  /** Ends all connections; new ones are let in. */
  drop(): void {
    for (const session of this.#sessions) session.destroy();
  }

  async stop(): Promise<void> {
    this.drop();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.#directory, { recursive: true });
  }

  #emit(topic: string, value: Uint8Array): void {
    const envelope = create(EnvelopeSchema, { namespace: "k8s.io", topic, event: { typeUrl: "", value } });
    for (const subscriber of this.#subscribers) subscriber(envelope);
  }
}
