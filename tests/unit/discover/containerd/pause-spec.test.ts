import { describe, expect, test } from "bun:test";
import { isPauseSpec } from "../../../../src/discover/containerd/pause-spec.ts";

const own = [{ type: "mount" }, { type: "network" }, { type: "pid" }, { type: "ipc" }];
const spec = (args: unknown, namespaces: unknown = own) => ({ process: { args }, linux: { namespaces } });
const joined = (type: string) => [
  ...own.filter((each) => each.type !== type),
  { type, path: `/proc/4711/ns/${type === "network" ? "net" : type}` },
];

describe("a pause container is", () => {
  test.each<[string, unknown]>([
    ["one with namespaces of its own", spec(["/pause"])],
    [
      "that of a pod on the host's network",
      spec(["/pause"], [{ type: "mount" }, { type: "network", path: "/var/run/docker/netns/default" }]),
    ],
  ])("%s", (_, value) => expect(isPauseSpec(Buffer.from(JSON.stringify(value)))).toBe(true));
});

describe("no pause container is", () => {
  test.each<[string, unknown]>([
    ["an app", spec(["nginx"])],
    ["an app that gets /pause for an argument", spec(["sh", "/pause"])],
    ["pause with arguments", spec(["/pause", "-v"])],
    ["a pause elsewhere", spec(["/usr/bin/pause"])],
    ["a shell that runs it", spec("/pause")],
    ["a placeholder app of the pause image, in the sandbox's network", spec(["/pause"], joined("network"))],
    ["one in the IPC namespace of its sandbox", spec(["/pause"], joined("ipc"))],
    ["one in the process namespace of its sandbox", spec(["/pause"], joined("pid"))],
    ["one that mentions it in its environment", { ...spec(["sh"]), env: ["/pause"] }],
    ["one whose namespaces are not told", { process: { args: ["/pause"] }, linux: {} }],
    ["one whose namespaces are no list", spec(["/pause"], "/pause")],
    ["nothing to run", { linux: { namespaces: own }, args: ["/pause"] }],
  ])("%s", (_, value) => expect(isPauseSpec(Buffer.from(JSON.stringify(value)))).toBe(false));

  test.each<[string, Uint8Array]>([
    ["nothing", Buffer.from("")],
    ["no JSON", Buffer.from('{"/pause"')],
    ["bytes that are no text", Buffer.concat([Buffer.from([0xff, 0]), Buffer.from('"/pause"')])],
    ["more than is read", Buffer.from(JSON.stringify({ ...spec(["/pause"]), pad: "x".repeat(2 << 20) }))],
  ])("%s", (_, json) => expect(isPauseSpec(json)).toBe(false));
});

test("a part of a larger buffer is read as that part only", () => {
  const whole = Buffer.from(`${JSON.stringify(spec(["/pause"]))}garbage`);
  expect(isPauseSpec(whole.subarray(0, -"garbage".length))).toBe(true);
  expect(isPauseSpec(whole.subarray(0, 4))).toBe(false);
});
