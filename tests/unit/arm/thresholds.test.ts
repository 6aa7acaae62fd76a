import { beforeEach, expect, test } from "bun:test";
import { fstatSync } from "node:fs";
import { createEventfd } from "../../../ffi/eventfd.ts";
import { close } from "../../../ffi/file.ts";
import { Armer } from "../../../src/arm/armer.ts";
import type { Meaning, Signal } from "../../../src/cgroup/hierarchy.ts";
import { defaults } from "../../../src/config/defaults.ts";
import { compileRules } from "../../../src/config/rules.ts";
import { identify } from "../../../src/discover/identify.ts";
import type { ToSentinel } from "../../../src/sentinel/protocol.ts";
import { fakeHierarchy } from "./fake-hierarchy.ts";

let grant: (signal: Signal) => void;
let sent: ToSentinel[];
let armer: Armer;

const signalOf = (meaning: Meaning): Signal => ({ meaning, fd: createEventfd(), wakes: "readable" });
const handed = () => sent.flatMap((message) => (message.type === "signals" ? [message] : []));

beforeEach(() => {
  sent = [];
  armer = new Armer(
    {
      hierarchy: fakeHierarchy({
        armThresholds: (_cgroup, _wanted, onGranted) => {
          grant = onGranted;
          return Promise.resolve([]);
        },
      }),
      identify: (cgroup) => identify(cgroup, undefined),
      send: (message) => sent.push(message),
      onTrouble: () => undefined,
    },
    compileRules(defaults),
  );
  armer.refresh("/c");
});

test("a threshold is handed over as soon as it is granted, whatever becomes of the next one", () => {
  const signals = [signalOf("threshold"), signalOf("near")];
  for (const [index, signal] of signals.entries()) {
    grant(signal);
    expect(handed()[index]).toMatchObject({ signals: [signal] });
  }
  for (const { fd } of signals) close(fd);
});

test.each([
  ["was removed", () => armer.forget("/c")],
  ["was armed anew", () => armer.applyRules(compileRules({ ...defaults, policy: "noop" }))],
])("one that is granted when its cgroup %s is closed", (_, happen) => {
  const late = grant;
  happen();
  const signal = signalOf("threshold");
  late(signal);
  expect(handed()).toEqual([]);
  expect(() => fstatSync(signal.fd)).toThrow("EBADF");
});
