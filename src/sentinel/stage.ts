import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";

// One more than the largest pid_max (PID_MAX_LIMIT, include/linux/threads.h): no process ever has it.
const NOBODY = 4_194_305;
export const STAGE_CGROUP = "/rehearsal";
export const STAGE_LIMIT_BYTES = 1_000_000;

/**
 * What a sentinel rehearses on: a folder of plain files that look like /proc and like a cgroup over its threshold, with one
 * process that cannot exist.
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

function furnish(stage: string): void {
  const proc = `${stage}/proc/${NOBODY}`;
  const cgroup = `${stage}${STAGE_CGROUP}`;
  mkdirSync(proc, { recursive: true });
  mkdirSync(cgroup);
  // A real one: parts of the engine are made for long texts, and are first needed for those.
  const status = readFileSync("/proc/self/status", "utf8");
  const counters = "cache rss inactive_file active_file inactive_anon active_anon swap".split(" ");
  const unified = "anon file kernel sock inactive_file active_file inactive_anon active_anon".split(" ");
  const zeros = [...counters.map((name) => `total_${name}`), ...unified]
    .map((name) => `${name} 0\n`)
    .join("");
  const files: Record<string, string> = {
    [`${proc}/cgroup`]: `4:memory:${STAGE_CGROUP}\n0::${STAGE_CGROUP}\n`,
    [`${proc}/oom_score_adj`]: "0\n",
    [`${proc}/comm`]: "nobody\n",
    [`${proc}/status`]: status,
    [`${cgroup}/cgroup.procs`]: `${NOBODY}\n`,
    [`${cgroup}/memory.usage_in_bytes`]: `${STAGE_LIMIT_BYTES}\n`,
    [`${cgroup}/memory.current`]: `${STAGE_LIMIT_BYTES}\n`,
    [`${cgroup}/memory.stat`]: zeros,
    [`${cgroup}/memory.events.local`]: "oom 0\noom_kill 0\n",
    [`${cgroup}/memory.oom_control`]: "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n",
  };
  for (const [path, text] of Object.entries(files)) writeFileSync(path, text);
}
