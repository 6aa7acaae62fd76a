import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { ContainerdError, type ContainerdReason } from "../../../src/discover/containerd/error.ts";
import type { ContainerdFacts } from "../../../src/discover/containerd/inspect.ts";
import { checkRuntime, judgeRuntime } from "../../../src/doctor/runtime.ts";
import { FakeContainerd } from "../../support/fake-containerd.ts";
import { tree } from "./tree.ts";

const namespaces = ["k8s.io", "moby"];
const facts: ContainerdFacts = { version: "1.6.20~ds1", containerCounts: [12, 0] };

describe("what the sockets' answers mean:", () => {
  const error = (reason: ContainerdReason, socket = "/run/b.sock") => ({
    socket,
    answer: new ContainerdError(socket, reason, "the reason"),
  });
  const working = { socket: "/run/a.sock", answer: facts };
  const words = "containerd 1.6.20~ds1 at /run/a.sock, containers: 12 in k8s.io, 0 in moby";

  test.each([
    ["one answers, the other is absent", [working, error("absent")], "ok", words],
    [
      "one answers, the other is broken",
      [working, error("unresponsive")],
      "warn",
      `${words}; containerd at /run/b.sock: the reason`,
    ],
    [
      "all are absent",
      [error("absent", "/run/a.sock"), error("absent")],
      "warn",
      "no containerd: /run/a.sock and /run/b.sock do not exist; it guards, without names",
    ],
    [
      "one is absent, one refuses",
      [error("absent"), error("refused")],
      "warn",
      "containerd at /run/b.sock: the reason",
    ],
    ["none is configured", [], "ok", "none configured (runtime.sockets): names come from paths"],
  ] as const)("%s", (_, answers, outcome, detail) => {
    const found = judgeRuntime(answers, namespaces);
    expect(found).toMatchObject({ outcome, detail });
    expect(found.fix === null).toBe(outcome === "ok");
  });

  test.each([
    ["refused", "start what listens at /run/b.sock"],
    ["unsupported", "use Docker 17.12 or later"],
    ["unresponsive", "journalctl -u containerd"],
  ] as const)("the fix for one that is %s", (reason, fix) => {
    expect(judgeRuntime([error(reason)], namespaces).fix).toContain(fix);
  });

  test("a version that would fool a terminal is shown as it is", () => {
    const answer = { ...facts, version: "1.6\u001b[2J" };
    expect(judgeRuntime([{ socket: "/a", answer }], namespaces).detail).toStartWith(
      "containerd 1.6\\x1b[2J at",
    );
  });
});

describe("a socket is asked:", () => {
  let fake: FakeContainerd;
  beforeEach(async () => {
    fake = new FakeContainerd();
    await fake.start();
  });
  afterEach(() => fake.stop());

  test.each([true, false])("version and containers; without ListStream: %p", async (without) => {
    fake.withoutListStream = without;
    fake.containers = [{ id: "a" }, { id: "b" }];
    const sockets = [fake.socket, "/nonexistent/containerd.sock"];
    expect(await checkRuntime({ sockets, namespaces: ["k8s.io"] })).toMatchObject({
      outcome: "ok",
      detail: `containerd v1.6.20 at ${fake.socket}, containers: 2 in k8s.io`,
    });
  });

  test("one that accepts and says nothing is not waited for", async () => {
    const socket = join(tree(), "silent.sock");
    const silent = Bun.listen({ unix: socket, socket: { data: () => undefined } });
    const found = await checkRuntime({ sockets: [socket], namespaces });
    silent.stop(true);
    expect(found.outcome).toBe("warn");
    expect(found.detail).toContain("ask for its version");
  });
});
