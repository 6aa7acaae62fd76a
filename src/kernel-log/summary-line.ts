import { isUncut, isWithin } from "./path.ts";

/** The line that sums a report up, from 5.0 on: mm/oom_kill.c, dump_oom_victim(). */
export interface SummaryLine {
  readonly kind: "summary";
  readonly shortage: "cgroup" | "node";
  /** Of the leader of the chosen one's threads. */
  readonly pid: number;
  /** Where the paths end and the name begins only the name tells: `cgroupsIn`. */
  readonly text: string;
}

const SUMMARY = /^oom-kill:constraint=CONSTRAINT_(\w+),.*,task=.*,pid=(\d+),uid=\d+$/s;

/** @returns null for any other line */
export function parseSummary(message: string): SummaryLine | null {
  const match = SUMMARY.exec(message);
  if (match === null) return null;
  const [, constraint, pid] = match;
  return {
    kind: "summary",
    shortage: constraint === "MEMCG" ? "cgroup" : "node",
    pid: Number(pid),
    text: message,
  };
}

const LIMIT = ",oom_memcg=/";
const NODE = ",global_oom,task_memcg=/";
const VICTIM = ",task_memcg=/";
const TASK = ",task=";
const END = /,pid=\d+,uid=\d+$/;

/** The cgroup of the limit (null for the node), and that of the victim. */
export interface Cgroups {
  readonly limit: string | null;
  readonly victim: string;
}

/**
 * The two cgroups of a summary.
 * Names of cgroups may hold commas and whatever else stands in this line, but no slash, and the victim is within the limit:
 * mostly only one way to read it is left.
 * @param comm the victim's name, as the line of its kill tells it
 * @returns null where more than one way is left, or a path may be cut
 */
export function cgroupsIn(summary: SummaryLine, comm: string): Cgroups | null {
  const ways = waysToRead(summary, comm);
  const [only] = ways;
  if (only === undefined || ways.length > 1) return null;
  return isUncut(only.victim) && isUncut(only.limit ?? "") ? only : null;
}

function waysToRead({ text, shortage }: SummaryLine, comm: string): Cgroups[] {
  const paths = beforeTask(text.replace(END, ""), comm);
  if (paths === null) return [];
  if (shortage === "node") {
    const at = paths.indexOf(NODE);
    return at < 0 ? [] : [{ limit: null, victim: paths.slice(at + NODE.length - 1) }];
  }
  const from = paths.indexOf(LIMIT);
  if (from < 0) return [];
  const ways: Cgroups[] = [];
  for (let at = paths.indexOf(VICTIM, from); at >= 0; at = paths.indexOf(VICTIM, at + 1)) {
    const limit = paths.slice(from + LIMIT.length - 1, at);
    const victim = paths.slice(at + VICTIM.length - 1);
    if (isWithin(victim, limit)) ways.push({ limit, victim });
  }
  return ways;
}

/** The line up to the name; a thread that died for its process may have another one, so a place that is the only one will do. */
function beforeTask(head: string, comm: string): string | null {
  if (head.endsWith(TASK + comm)) return head.slice(0, -(TASK + comm).length);
  const at = head.indexOf(TASK);
  return at >= 0 && at === head.lastIndexOf(TASK) ? head.slice(0, at) : null;
}
