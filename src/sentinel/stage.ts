import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";

// One more than the largest pid_max (PID_MAX_LIMIT, include/linux/threads.h): no process ever has it.
const NOBODY = 4_194_305;
export const STAGE_CGROUP = "/rehearsal";

/**
 * What a sentinel rehearses on: a folder of plain files that look like /proc and like a cgroup with one process that cannot exist.
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
  const proc = `${stage}/proc/${NOBODY}`;
  const cgroup = `${stage}${STAGE_CGROUP}`;
  mkdirSync(proc, { recursive: true });
  mkdirSync(cgroup);
  // A real one: parts of the engine are made for long texts, and are first needed for those.
  const status = readFileSync("/proc/self/status", "utf8");
  const files: Record<string, string> = {
    [`${proc}/cgroup`]: `4:memory:${STAGE_CGROUP}\n0::${STAGE_CGROUP}\n`,
    [`${proc}/oom_score_adj`]: "0\n",
    [`${proc}/comm`]: "nobody\n",
    [`${proc}/status`]: status,
    [`${cgroup}/cgroup.procs`]: `${NOBODY}\n`,
    [`${cgroup}/memory.usage_in_bytes`]: usageText(0),
    [`${cgroup}/memory.current`]: usageText(0),
    [`${cgroup}/memory.stat`]: statText(0, 0),
    [`${cgroup}/memory.kmem.usage_in_bytes`]: usageText(0),
    [`${cgroup}/memory.memsw.usage_in_bytes`]: usageText(0),
    [`${cgroup}/memory.memsw.limit_in_bytes`]: "9223372036854771712\n",
    [`${cgroup}/memory.swappiness`]: "60\n",
    [`${cgroup}/memory.swap.current`]: usageText(0),
    [`${cgroup}/memory.swap.max`]: "max\n",
    [`${cgroup}/memory.oom.group`]: "0\n",
    [`${cgroup}/memory.events.local`]: "oom 0\noom_kill 0\n",
    [`${cgroup}/memory.oom_control`]: "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n",
  };
  for (const [path, text] of Object.entries(files)) writeFileSync(path, text);
}
