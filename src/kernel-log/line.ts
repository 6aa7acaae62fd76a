import { type KilledLine, parseKilled } from "./killed-line.ts";
import { isUncut, isWithin } from "./path.ts";
import { parseSummary, type SummaryLine } from "./summary-line.ts";
import { type ColumnsLine, parseColumns, parseRow, type RowLine } from "./task-table.ts";

/** What a line of the kernel's log says about an OOM. Paths are relative to the hierarchy's root. */
export type OomLine =
  /** First line of a report: mm/oom_kill.c, dump_header(). */
  | { readonly kind: "invoked" }
  /** Up to 4.20, of a cgroup's shortage only. Null: cut off, or ambiguous. */
  | { readonly kind: "cgroups"; readonly victim: string | null; readonly limit: string | null }
  /** Of the cgroup whose limit was reached. Null: as good as none is set (that of memory and swap was reached). */
  | { readonly kind: "memory"; readonly usageBytes: number | null; readonly limitBytes: number | null }
  | ColumnsLine
  | RowLine
  | SummaryLine
  /** Up to 5.1: the choice, before a child may be taken in its place. The pid is that of a thread. */
  | { readonly kind: "chosen"; readonly shortage: "cgroup" | "node"; readonly pid: number }
  | KilledLine
  /** From 4.19 on, after the victim's own line: all in this cgroup follow. */
  | { readonly kind: "whole"; readonly cgroup: string }
  /** The report ends without a kill. */
  | { readonly kind: "nobody" };

const INVOKED = / invoked oom-killer: gfp_mask=0x.*oom_score_adj=-?\d+$/;
const MEMORY = /^memory: usage (\d+)kB, limit (\d+)kB, failcnt \d+$/;
const CHOSEN =
  /^(Memory cgroup out|Out) of memory(?: \([a-z_]+\))?: Kill process (\d+) \(.*\) score \d+ or sacrifice child$/s;
const WHOLE = /^Tasks in (\/.*) are going to be killed due to memory\.oom\.group set$/s;
const NOBODY =
  /^Out of memory and no killable processes|^[\w ]+(?: \([a-z_]+\))?: OOM victim \d+ \(.*\) is already exiting\. Skip killing the task$/s;
const CGROUPS = "Task in /";
const LIMIT_OF = " killed as a result of limit of /";

/**
 * Understands what kernels from 3.10 on print when memory is short. Names in it are chosen by whoever owns the process or
 * the cgroup (a process may be called `) Killed process 1 (`), so each line is recognised by its beginning and its end,
 * which they cannot write.
 * @returns null for any other line, and for one that is cut off
 */
export function parseLine(message: string): OomLine | null {
  // Most lines are none of these: one look at the first character saves the rest.
  switch (message.charCodeAt(0)) {
    case 91: // [
      return parseColumns(message) ?? parseRow(message);
    case 75: // K
    case 77: // M
    case 79: // O
      return parseKilled(message) ?? parseChosen(message) ?? parseNobody(message) ?? parseInvoked(message);
    case 84: // T
      return parseCgroups(message) ?? parseWhole(message) ?? parseInvoked(message);
    case 109: // m
      return parseMemory(message) ?? parseInvoked(message);
    case 111: // o
      return parseSummary(message) ?? parseInvoked(message);
    default:
      return parseInvoked(message);
  }
}

function parseInvoked(message: string): OomLine | null {
  return message.includes(" invoked oom-killer: ") && INVOKED.test(message) ? { kind: "invoked" } : null;
}

function parseMemory(message: string): OomLine | null {
  const match = MEMORY.exec(message);
  return match && { kind: "memory", usageBytes: bytes(match[1]), limitBytes: bytes(match[2]) };
}

function parseChosen(message: string): OomLine | null {
  const match = CHOSEN.exec(message);
  return match && { kind: "chosen", shortage: match[1] === "Out" ? "node" : "cgroup", pid: Number(match[2]) };
}

function parseWhole(message: string): OomLine | null {
  const cgroup = WHOLE.exec(message)?.[1];
  return cgroup === undefined || !isUncut(cgroup) ? null : { kind: "whole", cgroup };
}

function parseNobody(message: string): OomLine | null {
  return NOBODY.test(message) ? { kind: "nobody" } : null;
}

/** `Task in VICTIM killed as a result of limit of LIMIT`. */
function parseCgroups(message: string): OomLine | null {
  if (!message.startsWith(CGROUPS) || !message.includes(LIMIT_OF)) return null;
  const ways = [];
  // It ends with a path: of a line that is cut nothing tells where.
  const from = isUncut(message) ? message.indexOf(LIMIT_OF) : -1;
  for (let at = from; at >= 0; at = message.indexOf(LIMIT_OF, at + 1)) {
    const victim = message.slice(CGROUPS.length - 1, at);
    const limit = message.slice(at + LIMIT_OF.length - 1);
    if (isWithin(victim, limit)) ways.push({ victim, limit });
  }
  const [only, ...others] = ways;
  return only === undefined || others.length > 0
    ? { kind: "cgroups", victim: null, limit: null }
    : { kind: "cgroups", ...only };
}

/** Beyond 2^53 bytes it is the kernel's way to write "none". */
function bytes(kilobytes: string | undefined): number | null {
  const value = Number(kilobytes) * 1024;
  return value <= Number.MAX_SAFE_INTEGER ? value : null;
}
