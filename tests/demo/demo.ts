// What `npm run demo` runs: a cgroup, a guard, a leak, and what becomes of it. Leaves nothing behind.
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { defaults } from "../../src/config/defaults.ts";
import { thresholdBytes } from "../../src/decide/margin.ts";
import type { HistoryReport } from "../../src/report/history-json.ts";
import { exactSize, humanSize } from "../../src/report/size.ts";
import { until } from "../support/until.ts";
import { Climb } from "./climb.ts";
import { CannotShow, Stage } from "./stage.ts";

const MIB = 1024 * 1024;
const LIMIT = 300 * MIB;
const THRESHOLD = thresholdBytes(LIMIT, defaults);
const LEAK_MB = 600;
const LEAK_MB_PER_S = 100;
const LONGEST_LEAK_MS = 15_000;
const FRAME_MS = 40;

const binary = join(import.meta.dir, "../../dist/oom-guard");

let stage: Stage | null = null;
let leaving = false;
for (const [signal, code] of [
  ["SIGINT", 130] as const,
  ["SIGTERM", 143] as const,
  ["SIGHUP", 129] as const,
]) {
  process.on(signal, () => void leave(code));
}
// `npm run demo | head`: nobody is watching any more.
process.stdout.on("error", () => void leave(1));

try {
  await demo();
} catch (error) {
  // Whoever leaves early pulls the rug out from under the demo; what it says of that is of no interest.
  if (!leaving) console.error(`demo: ${(error as Error).message}`);
  await leave(1);
}
await leave(0);

async function leave(code: number): Promise<never> {
  leaving = true;
  const left = (await stage?.clear()) ?? [];
  if (left.length > 0) console.error(`demo: could not remove ${left.join(", ")}`);
  process.exit(left.length > 0 ? 1 : code);
}

async function demo(): Promise<void> {
  if (!existsSync(binary)) throw new CannotShow("dist/oom-guard is not there: npm run build");
  stage = new Stage(LIMIT);
  const before = stage.oomKills();
  console.log("A cgroup with a limit, a guard on it, and a process that leaks:\n");
  console.log(`  cgroup  ${stage.directory}`);
  console.log(`          limit ${humanSize(LIMIT)}, oom-guard's threshold ${humanSize(THRESHOLD)}`);
  const config = await startGuard(stage);
  const peak = await leak(stage);

  const { incidents } = JSON.parse(await ask("history", "--config", config, "--json")) as HistoryReport;
  const after = stage.oomKills();
  console.log("\n$ oom-guard history");
  console.log((await ask("history", "--config", config)).trimEnd());
  console.log(`\nThe kernel's own count of OOM kills in this cgroup: ${before} before, ${after} after.`);
  if (after !== before) throw new CannotShow("the kernel's OOM killer was faster: that must not happen");
  if (incidents.length !== 1 || incidents[0]?.kind !== "kill") {
    throw new CannotShow(`history should show one kill and shows ${incidents.length} incidents`);
  }
  console.log(`Usage peaked at ${exactSize(peak)}, ${exactSize(LIMIT - peak)} below the limit.`);
}

/** Starts the daemon on the stage's cgroup only. @returns its configuration file */
async function startGuard(on: Stage): Promise<string> {
  const config = join(on.folder, "config.toml");
  const lines = [
    `cgroup_roots = ["${on.cgroup}"]`,
    `state_dir = "${join(on.folder, "state")}"`,
    'log_format = "text"',
    "[runtime]",
    "sockets = []",
  ];
  writeFileSync(config, `${lines.join("\n")}\n`);
  const guard = on.start("guard.log", [binary, "run", "--config", config]);
  await until("the guard is ready", () => {
    if (guard.exitCode !== null) throw new CannotShow(`the guard ended: ${on.printed("guard.log").trim()}`);
    return /guards 1 cgroups?/.test(on.printed("guard.log"));
  });
  on.noteBlackBox(guard.pid);
  console.log(`  guard   oom-guard run, pid ${guard.pid}`);
  return config;
}

/** Lets a process leak until it is killed. @returns the highest usage that was seen, by the kernel where it keeps it */
async function leak(on: Stage): Promise<number> {
  const script = join(import.meta.dir, "leaker.ts");
  const procs = `${on.directory}/cgroup.procs`;
  const command = [process.execPath, script, procs, `${LEAK_MB}`, `${LEAK_MB_PER_S}`];
  const leaker = on.start("leak.log", command);
  console.log(`  leak    pid ${leaker.pid}, ${LEAK_MB_PER_S} MB a second\n`);
  const climb = new Climb();
  const facts = (usageBytes: number) => ({
    usageBytes,
    reclaimableBytes: 0,
    thresholdBytes: THRESHOLD,
    limitBytes: LIMIT,
  });
  let seenBytes = 0;
  const deadline = performance.now() + LONGEST_LEAK_MS;
  while (leaker.exitCode === null && leaker.signalCode === null && performance.now() < deadline) {
    const { usageBytes } = on;
    seenBytes = Math.max(seenBytes, usageBytes);
    climb.show(facts(usageBytes));
    await Promise.race([leaker.exited, Bun.sleep(FRAME_MS)]);
  }
  const peak = on.peakBytes ?? seenBytes;
  climb.end(facts(peak));
  if (leaker.signalCode !== "SIGKILL") {
    const said = on.printed("leak.log").trim() || `exit code ${leaker.exitCode ?? "none, it still runs"}`;
    throw new CannotShow(`nobody killed the leaking process (${said})`);
  }
  await until("the guard logs its kill", () => /warn +killed/.test(on.printed("guard.log")), 3000).catch(
    () => {
      throw new CannotShow(
        `the kernel killed the leaking process, not the guard (oom_kill ${on.oomKills()})`,
      );
    },
  );
  const line =
    on
      .printed("guard.log")
      .split("\n")
      .find((text) => / killed /.test(text)) ?? "";
  // The fields behind the sentence are for machines.
  console.log(`\n${line.replace(/ incident=.*/, "").replace(/^\S+ warn +/, "  oom-guard: ")}`);
  return peak;
}

async function ask(...args: string[]): Promise<string> {
  const child = Bun.spawn([binary, ...args], { stdio: ["ignore", "pipe", "pipe"], timeout: 5000 });
  const [out, error] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) throw new CannotShow(error.trim());
  return out;
}
