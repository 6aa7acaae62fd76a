import { readdirSync, readFileSync } from "node:fs";
import { MIB, type TestCgroup } from "../support/cgroup.ts";
import { BINARY, TestGuard } from "../support/guard.ts";

/** What a guard costs that has nothing to do. */
export interface Rest {
  readonly cgroups: number;
  readonly rssBytes: number;
  readonly anonBytes: number;
  readonly descriptors: number;
  readonly cpuSeconds: number;
  /** How often its threads went to sleep again. */
  readonly wakeUps: number;
  readonly seconds: number;
}

/** Fills a cgroup with limited ones, a sleeping process in each. */
export function populate(top: TestCgroup, count: number): void {
  for (let i = 0; i < count; i++) {
    const cgroup = top.child(`idle-${i}`, 100 * MIB);
    const child = Bun.spawn(["sleep", "1000"], { stdio: ["ignore", "ignore", "ignore"] });
    cgroup.write("cgroup.procs", String(child.pid));
    child.unref();
  }
}

/** Measures a guard at rest, after it has settled. */
export async function measureRest(top: TestCgroup, cgroups: number, seconds: number): Promise<Rest> {
  const guard = await TestGuard.start({ roots: [top.path] });
  try {
    await Bun.sleep(2000);
    const before = threadsOf(guard.pid);
    await Bun.sleep(seconds * 1000);
    const after = threadsOf(guard.pid);
    return {
      cgroups,
      rssBytes: field(`/proc/${guard.pid}/status`, "VmRSS") * 1024,
      anonBytes: field(`/proc/${guard.pid}/smaps_rollup`, "Anonymous") * 1024,
      descriptors: guard.descriptorCount,
      cpuSeconds: growth(before, after, "nanos") / 1e9,
      wakeUps: growth(before, after, "switches"),
      seconds,
    };
  } finally {
    await guard.stop();
  }
}

/** CPU time in ns and voluntary context switches of each thread; clock ticks of 10 ms would be too coarse. */
function threadsOf(pid: number): Map<string, { readonly nanos: number; readonly switches: number }> {
  const threads = new Map<string, { nanos: number; switches: number }>();
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const directory = `/proc/${pid}/task/${thread}`;
    threads.set(thread, {
      nanos: Number(readFileSync(`${directory}/schedstat`, "utf8").split(" ")[0]),
      switches: field(`${directory}/status`, "voluntary_ctxt_switches"),
    });
  }
  return threads;
}

/** What the threads that are there at the end did in between; those of the engine's pool that went had nothing to do. */
function growth(
  before: ReturnType<typeof threadsOf>,
  after: ReturnType<typeof threadsOf>,
  of: "nanos" | "switches",
): number {
  return [...after].reduce((sum, [id, now]) => sum + now[of] - (before.get(id)?.[of] ?? 0), 0);
}

function field(file: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(readFileSync(file, "utf8"))?.[1]);
}

/** Milliseconds from exec to the line that says that everything is guarded. */
export async function measureStart(top: TestCgroup, configFile: string, stateDir: string): Promise<number> {
  const started = performance.now();
  const guard = Bun.spawn(
    [BINARY, "run", "--config", configFile, "--state-dir", stateDir, "--cgroup-root", top.path],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  try {
    let said = "";
    const decoder = new TextDecoder();
    for await (const chunk of guard.stderr) {
      said += decoder.decode(chunk, { stream: true });
      if (said.includes(" guards ")) return performance.now() - started;
    }
    throw new Error(`the guard ended: ${said}`);
  } finally {
    guard.kill();
    await guard.exited;
  }
}

/** Milliseconds that one `scan` takes. */
export async function measureScan(top: TestCgroup, configFile: string): Promise<number> {
  const started = performance.now();
  const scan = Bun.spawn([BINARY, "scan", "--json", "--config", configFile, "--cgroup-root", top.path], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  if ((await scan.exited) !== 0) throw new Error("scan failed");
  return performance.now() - started;
}
