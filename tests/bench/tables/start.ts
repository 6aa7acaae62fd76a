import { join } from "node:path";
import { DatagramReceiver } from "../../support/datagram-receiver.ts";
import { BINARY } from "../../support/guard.ts";
import type { Context } from "../context.ts";
import { noiseNote } from "../noise.ts";
import { atMost, type TableResult } from "../result.ts";
import { median, worst } from "../statistics.ts";
import { unitEnvironment } from "../unit-environment.ts";
import { populate } from "./idle-cgroups.ts";

const COUNTS = [0, 250];
const GOAL_MS = 300;
const NEVER_MS = 30_000;

/** From exec to READY=1, as systemd hears it; a program of Bun's that prints a line beside it. */
export async function start({ stage, isQuick, progress }: Context): Promise<TableResult> {
  const runs = isQuick ? 3 : 15;
  const config = stage.configFile();
  const series: { what: string; millis: number[] }[] = [];
  const noise: string[] = [];
  for (const cgroups of COUNTS) {
    const top = stage.top();
    populate(top, cgroups);
    const guard: number[] = [];
    const hello: number[] = [];
    const helloAgain: number[] = [];
    for (let i = 0; i < runs; i++) {
      progress(`start: ${cgroups} cgroups, ${i + 1} of ${runs}`);
      guard.push(await untilReady(stage.folder, ["--config", config, "--cgroup-root", top.path]));
      for (const times of [hello, helloAgain]) times.push(await untilHello(stage.hello()));
    }
    series.push({ what: `oom-guard run, ${cgroups} cgroups`, millis: guard });
    series.push({ what: `hello-world beside ${cgroups} cgroups`, millis: hello });
    series.push({ what: `hello-world again beside ${cgroups} cgroups`, millis: helloAgain });
    noise.push(noiseNote(`hello-world beside ${cgroups} cgroups`, hello, helloAgain));
    await stage.removeTop(top);
  }
  const last = series.find(({ what }) => what === "oom-guard run, 250 cgroups")!.millis;
  return {
    title: "Start: from exec to READY, ms",
    notes: [
      `${runs} starts each, in turns. READY=1 is what systemd is told when everything that is there is guarded.`,
      ...noise,
    ],
    headings: ["what", "median", "worst"],
    rows: series.map(({ what, millis }) => [what, median(millis).toFixed(0), worst(millis).toFixed(0)]),
    goals: [
      atMost("start with 250 cgroups, median", median(last), GOAL_MS, " ms", 0),
      atMost("start with 250 cgroups, worst", worst(last), GOAL_MS, " ms", 0),
    ],
    plot: {
      title: "From exec to READY",
      axis: "ms, median and worst",
      scale: "linear",
      rows: series.map(({ what, millis }) => ({
        label: what,
        marks: [
          {
            series: what.startsWith("oom-guard") ? "oom-guard" : "hello-world",
            middle: median(millis),
            worst: worst(millis),
          },
        ],
      })),
      line: { at: GOAL_MS, label: "goal" },
    },
    raw: series,
  };
}

async function untilReady(folder: string, args: readonly string[]): Promise<number> {
  const socket = `@oom-guard-bench-${process.pid}`;
  const receiver = new DatagramReceiver(socket);
  const startedMs = performance.now();
  const guard = Bun.spawn([BINARY, "run", "--state-dir", join(folder, "state"), ...args], {
    stdio: ["ignore", "ignore", "ignore"],
    env: { ...process.env, ...unitEnvironment(), NOTIFY_SOCKET: socket },
  });
  try {
    for (;;) {
      const said = receiver.take().map(String);
      const millis = performance.now() - startedMs;
      if (said.some((text) => /^READY=1$/m.test(text))) return millis;
      if (guard.exitCode !== null || millis > NEVER_MS) throw new Error("the guard did not get READY");
      await Bun.sleep(1);
    }
  } finally {
    guard.kill();
    await guard.exited;
    receiver.close();
  }
}

async function untilHello(program: string): Promise<number> {
  const startedMs = performance.now();
  const hello = Bun.spawn([program, "stay"], { stdio: ["ignore", "pipe", "ignore"] });
  await hello.stdout.getReader().read();
  const millis = performance.now() - startedMs;
  hello.kill("SIGKILL");
  await hello.exited;
  return millis;
}
