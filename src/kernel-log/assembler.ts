import type { KernelKill } from "./kernel-kill.ts";
import type { KilledLine } from "./killed-line.ts";
import { type OomLine, parseLine } from "./line.ts";
import type { LogRecord } from "./record.ts";
import { type Facts, NO_FACTS, Report } from "./report.ts";

/** A report whose kill does not follow within this has none. Hundreds of lines on a serial console take that long. */
const REPORT_MICROS = 10_000_000;
/**
 * How long after a kill its "Tasks in ..." line may come, and after each of these the next one of the same cgroup. They
 * follow at once, but each is first written to the consoles: 20 ms on a serial one.
 */
const WHOLE_MICROS = 250_000;
/** Beginnings of lines that the kernel puts together from parts. */
const IN_PARTS = /^(?:oom-kill:constraint=|Tasks? in \/?)/;
const MAX_LINE = 16 * 1024;

type Shortage = KernelKill["shortage"];

/** A choice that was announced (up to 5.1); the kill's own line follows. */
interface Chosen {
  readonly shortage: Shortage;
  readonly pid: number;
  readonly micros: number;
}

/** A cgroup whose processes die together. */
interface Whole {
  readonly cgroup: string;
  readonly shortage: Shortage | null;
  readonly facts: Facts;
  readonly report: Report | null;
  /** The first victim: it is killed once more with all others, if it still has its memory. */
  readonly victimPid: number | null;
  lastMicros: number;
}

/**
 * Makes kills out of the kernel's lines: one for each process it says it has killed, with what it printed before about
 * the shortage. What is not sure is null. No IO, no clock.
 */
export class KillAssembler {
  readonly #onKill: (kill: KernelKill) => void;
  #report: Report | null = null;
  #chosen: readonly Chosen[] = [];
  #held: KernelKill | null = null;
  #whole: Whole | null = null;
  /** The last kill, and what was printed before it: for those that die with it. */
  #last: { readonly kill: KernelKill; readonly report: Report | null } | null = null;
  #unfinished: string | null = null;

  constructor(onKill: (kill: KernelKill) => void) {
    this.#onKill = onKill;
  }

  /** A kill waits here for the line that tells whether its whole cgroup dies. Null: none does. */
  get held(): KernelKill | null {
    return this.#held;
  }

  /** Takes the next record. */
  take(record: LogRecord): void {
    const { bootMicros, message, isContinuation } = record;
    if (this.#held !== null && bootMicros - this.#held.bootMicros > WHOLE_MICROS) this.flush();
    // What user space writes does not end a line of the kernel's.
    if (message === null) return;
    const text = this.#joined(message, isContinuation);
    const line = parseLine(text);
    this.#unfinished = line === null && IN_PARTS.test(text) ? text.slice(0, MAX_LINE) : null;
    if (line !== null) this.#takeLine(line, record);
  }

  /** Records are missing here: what was begun may have gone on in them. */
  skip(): void {
    this.flush();
    this.#report = null;
    this.#chosen = [];
    this.#whole = null;
    this.#last = null;
    this.#unfinished = null;
  }

  /** Tells what waits: nothing more will come of it. */
  flush(): void {
    const held = this.#held;
    this.#held = null;
    if (held !== null) this.#onKill(held);
  }

  /** Parts follow each other, or other lines of the kernel came between, and which belong together cannot be told. */
  #joined(message: string, isContinuation: boolean): string {
    return isContinuation && this.#unfinished !== null ? this.#unfinished + message : message;
  }

  #takeLine(line: OomLine, record: LogRecord): void {
    const micros = record.bootMicros;
    switch (line.kind) {
      case "invoked":
        this.flush();
        this.#whole = null;
        this.#report = new Report(isFresh(this.#report, micros), micros);
        break;
      case "summary":
        // It stands for itself: the lines before may be lost.
        this.#report ??= new Report(false, micros);
        this.#report.add(line, micros);
        break;
      case "chosen":
        this.flush();
        this.#whole = null;
        this.#chosen = [...this.#chosen, { ...line, micros }];
        break;
      case "nobody":
        this.#report = null;
        this.#chosen = [];
        break;
      case "whole":
        this.#takeWhole(line.cgroup, micros);
        break;
      case "killed":
        this.#takeKilled(line, record);
        break;
      default:
        this.#report?.add(line, micros);
    }
  }

  #takeKilled(line: KilledLine, record: LogRecord): void {
    const micros = record.bootMicros;
    this.flush();
    if (this.#takeMember(line, record)) return;
    const report = isFresh(this.#report, micros) ? this.#report : null;
    // A line without a beginning, and nothing before it: what it was about is lost, and not guessed.
    const shortage = line.shortage ?? this.#shortageOf(line.pid, micros) ?? report?.shortage ?? null;
    this.#report = null;
    if (shortage === null) return;
    const kill = killOf(line, record, shortage, report, report?.factsOf(line, shortage) ?? NO_FACTS);
    this.#last = { kill, report };
    this.#held = kill;
  }

  /** The announcement of this process, or, where a child dies for it, the oldest; it is used up. */
  #shortageOf(pid: number, micros: number): Shortage | null {
    const fresh = this.#chosen.filter((chosen) => micros - chosen.micros <= REPORT_MICROS);
    const chosen = fresh.find((one) => one.pid === pid) ?? fresh[0];
    this.#chosen = fresh.filter((one) => one !== chosen);
    return chosen?.shortage ?? null;
  }

  /** @returns whether it was one of those that die together */
  #takeMember(line: KilledLine, record: LogRecord): boolean {
    const micros = record.bootMicros;
    const whole = this.#whole;
    const shortage = whole?.shortage ?? line.shortage;
    if (whole === null || shortage === null) return false;
    const isOther = line.shortage !== null && line.shortage !== shortage;
    if (isOther || micros - whole.lastMicros > WHOLE_MICROS || whole.report?.lists(line.pid) === false) {
      this.#whole = null;
      return false;
    }
    whole.lastMicros = micros;
    const kill = killOf(line, record, shortage, whole.report, whole.facts, whole.cgroup);
    if (kill.victim.pid === whole.victimPid) return true;
    this.#last = { kill, report: whole.report };
    this.#held = kill;
    return true;
  }

  /** "Tasks in ... are going to be killed": the kill just before was the first of them. */
  #takeWhole(cgroup: string, micros: number): void {
    const last =
      this.#last !== null && micros - this.#last.kill.bootMicros <= WHOLE_MICROS ? this.#last : null;
    // A first one without a report looked like one more of those that died with another.
    const isTold = last !== null && last.kill.wholeCgroup === null;
    if (this.#held !== null) this.#held = { ...this.#held, ...(!isTold && NO_FACTS), wholeCgroup: cgroup };
    this.#whole = {
      cgroup,
      shortage: last?.kill.shortage ?? null,
      facts: isTold ? { ...factsOf(last.kill), victimCgroup: null } : NO_FACTS,
      report: isTold ? last.report : null,
      victimPid: last?.kill.victim.pid ?? null,
      lastMicros: micros,
    };
    this.flush();
  }
}

function isFresh(report: Report | null, micros: number): report is Report {
  return report !== null && micros - report.lastMicros <= REPORT_MICROS;
}

function factsOf({ limitCgroup, victimCgroup, usageBytes, limitBytes }: KernelKill): Facts {
  return { limitCgroup, victimCgroup, usageBytes, limitBytes };
}

function killOf(
  line: KilledLine,
  { seq, bootMicros }: LogRecord,
  shortage: Shortage,
  report: Report | null,
  facts: Facts,
  wholeCgroup: string | null = null,
): KernelKill {
  return {
    seq,
    bootMicros,
    shortage,
    ...facts,
    victim: {
      pid: report?.processOf(line.pid) ?? line.pid,
      comm: line.comm,
      rssBytes: line.rssBytes,
      oomScoreAdj: line.oomScoreAdj ?? report?.adjOf(line.pid) ?? null,
    },
    wholeCgroup,
  };
}
