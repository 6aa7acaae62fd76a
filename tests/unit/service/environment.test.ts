import { describe, expect, test } from "bun:test";
import { takeServiceEnvironment } from "../../../src/service/environment.ts";

const PID = 4242;
const SOCKET = "/run/systemd/notify";

const taken = (env: Record<string, string | undefined>) => takeServiceEnvironment({ ...env }, PID);

test.each<[string, Record<string, string>, string | null]>([
  ["nothing", {}, null],
  ["a path", { NOTIFY_SOCKET: SOCKET }, SOCKET],
  ["an abstract address", { NOTIFY_SOCKET: "@/org/systemd/1" }, "@/org/systemd/1"],
])("%s is where the manager listens", (_, env, address) => {
  expect(taken(env)).toEqual({ address, watchdogMs: null, problems: [] });
});

test.each([[""], ["relative/path"], ["/"], ["@"], ["vsock:2:1234"]])(
  "NOTIFY_SOCKET=%s is no address: said, and nobody is told",
  (socket) => {
    const { address, problems } = taken({ NOTIFY_SOCKET: socket, WATCHDOG_USEC: "3000000" });
    expect(address).toBeNull();
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain("NOTIFY_SOCKET=");
  },
);

describe("the watchdog, as sd_watchdog_enabled(3) has it", () => {
  test.each<[string, Record<string, string>, number | null]>([
    ["no time", {}, null],
    ["a time", { WATCHDOG_USEC: "30000000" }, 30_000],
    ["less than a millisecond", { WATCHDOG_USEC: "500" }, 0.5],
    ["a time for this process", { WATCHDOG_USEC: "30000000", WATCHDOG_PID: String(PID) }, 30_000],
    ["a time for another process", { WATCHDOG_USEC: "30000000", WATCHDOG_PID: "1" }, null],
    ["a process only", { WATCHDOG_PID: String(PID) }, null],
    ["the longest time", { WATCHDOG_USEC: "18446744073709551614" }, Number(2n ** 64n - 2n) / 1000],
  ])("%s", (_, env, watchdogMs) => {
    expect(taken({ NOTIFY_SOCKET: SOCKET, ...env })).toEqual({ address: SOCKET, watchdogMs, problems: [] });
  });

  test.each([
    [{ WATCHDOG_USEC: "" }],
    [{ WATCHDOG_USEC: "0" }],
    [{ WATCHDOG_USEC: "-1" }],
    [{ WATCHDOG_USEC: "30s" }],
    [{ WATCHDOG_USEC: "1e9" }],
    [{ WATCHDOG_USEC: " 30000000" }],
    [{ WATCHDOG_USEC: "18446744073709551615" }],
    [{ WATCHDOG_USEC: "99999999999999999999" }],
    [{ WATCHDOG_USEC: "9".repeat(10_000) }],
    [{ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "" }],
    [{ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "0" }],
    [{ WATCHDOG_USEC: "30000000", WATCHDOG_PID: `${PID}x` }],
  ])("%j makes no sense: said, and no beats", (env) => {
    const { address, watchdogMs, problems } = taken({ NOTIFY_SOCKET: SOCKET, ...env });
    expect([address, watchdogMs]).toEqual([SOCKET, null]);
    expect(problems).toHaveLength(1);
  });

  test("without a socket there is nobody to send beats to", () => {
    expect(taken({ WATCHDOG_USEC: "30000000" }).watchdogMs).toBeNull();
  });
});

test("what is about this process is taken out, everything else stays", () => {
  const env = {
    PATH: "/bin",
    NOTIFY_SOCKET: SOCKET,
    WATCHDOG_USEC: "1",
    WATCHDOG_PID: "2",
    JOURNAL_STREAM: "8:1",
  };
  takeServiceEnvironment(env, PID);
  expect<Record<string, string>>(env).toEqual({ PATH: "/bin", JOURNAL_STREAM: "8:1" });
});
