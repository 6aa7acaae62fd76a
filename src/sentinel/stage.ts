import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";

/** A cgroup of one process, and a pod of two containers. */
export const STAGE_CGROUP = "/rehearsal";
export const STAGE_POD = "/rehearsal-pod";
const LARGE_CONTAINER = `${STAGE_POD}/${"a".repeat(64)}`;
const SMALL_CONTAINER = `${STAGE_POD}/${"b".repeat(64)}`;

// From one more than the largest pid_max on (PID_MAX_LIMIT, include/linux/threads.h): no process ever has them.
const NOBODY = 4_194_305;
const NOBODY_IN_LARGE = NOBODY + 1;
const NOBODY_IN_SMALL = NOBODY + 2;

/**
 * What a sentinel rehearses on: a folder of plain files that look like /proc and like cgroups with processes that cannot exist.
 */
export class Stage {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** In memory where there is such a folder: whoever reads it guards, and must not wait for a disk. Null: there is no room. */
  static build(): Stage | null {
    for (const place of ["/dev/shm", tmpdir()]) {
      let folder: string;
      try {
        folder = mkdtempSync(`${place}/oom-guard-`);
      } catch {
        continue;
      }
      const stage = new Stage(folder);
      try {
        furnish(folder);
        return stage;
      } catch {
        stage.remove();
      }
    }
    return null;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

// What is written over another number must cover it.
const digits = (bytes: number) => String(bytes).padStart(13, "0");

/** Contents of the file with the usage of the cgroup. */
export function usageText(usageBytes: number): string {
  return `${digits(usageBytes)}\n`;
}

/** Contents of `memory.stat` on cgroup v1 and v2 in one. */
export function statText(anonBytes: number, fileBytes: number): string {
  const charged = { cache: fileBytes, rss: anonBytes, swap: 0, anon: anonBytes, file: fileBytes };
  const lists = { inactive_anon: 0, active_anon: anonBytes, inactive_file: fileBytes, active_file: 0 };
  const counters = Object.entries({ ...charged, kernel: 0, sock: 0, ...lists });
  const lines = counters.map(([name, bytes]) => `${name} ${digits(bytes)}\n`);
  return [...lines, ...lines.map((line) => `total_${line}`)].join("");
}

function furnish(stage: string): void {
  addCgroup(stage, STAGE_CGROUP, 0, NOBODY);
  addCgroup(stage, STAGE_POD, 0);
  addCgroup(stage, LARGE_CONTAINER, 2_500_000_000, NOBODY_IN_LARGE);
  addCgroup(stage, SMALL_CONTAINER, 50_000_000, NOBODY_IN_SMALL);
}

function addCgroup(stage: string, cgroup: string, usageBytes: number, ...pids: number[]): void {
  mkdirSync(`${stage}${cgroup}`);
  write(`${stage}${cgroup}`, {
    "cgroup.procs": pids.map((pid) => `${pid}\n`).join(""),
    "memory.usage_in_bytes": usageText(usageBytes),
    "memory.current": usageText(usageBytes),
    "memory.stat": statText(usageBytes, 0),
    "memory.kmem.usage_in_bytes": usageText(0),
    "memory.memsw.usage_in_bytes": usageText(0),
    "memory.memsw.limit_in_bytes": "9223372036854771712\n",
    "memory.swappiness": "60\n",
    "memory.swap.current": usageText(0),
    "memory.swap.max": "max\n",
    "memory.oom.group": "0\n",
    "memory.events.local": "oom 0\noom_kill 0\n",
    "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n",
  });
  // A real one: parts of the engine are made for long texts, and are first needed for those.
  const status = readFileSync("/proc/self/status", "utf8");
  for (const pid of pids) {
    const proc = `${stage}/proc/${pid}`;
    mkdirSync(proc, { recursive: true });
    const membership = `4:memory:${cgroup}\n0::${cgroup}\n`;
    write(proc, { cgroup: membership, oom_score_adj: "0\n", comm: "nobody\n", status });
  }
}

function write(directory: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(`${directory}/${name}`, text);
}
