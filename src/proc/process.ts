import { close, openDirectory, openReadAt, readFromStart } from "../../ffi/file.ts";
import { cString, NativeBuffer } from "../../ffi/native-buffer.ts";
import type { ProcessFacts } from "../decide/badness.ts";
import { parseCgroupPath } from "./cgroup-path.ts";
import { integerAt } from "./field-parser.ts";
import { parseStatus } from "./status.ts";

const statusFile = cString("status");
const statFile = cString("stat");
const commFile = cString("comm");
const adjFile = cString("oom_score_adj");
const cgroupFile = cString("cgroup");
const text = new NativeBuffer(16 * 1024);
const decoder = new TextDecoder();

/**
 * One process, held by its open /proc directory: everything read through it, and the signal sent through it, concern
 * the same process even if its pid is given to another one meanwhile. Close it.
 */
export class OpenProcess {
  readonly pid: number;
  readonly directoryFd: number;

  private constructor(pid: number, directoryFd: number) {
    this.pid = pid;
    this.directoryFd = directoryFd;
  }

  /** @param procRoot usually "/proc" @returns null when there is no such process */
  static open(procRoot: string, pid: number): OpenProcess | null {
    const fd = openDirectory(cString(`${procRoot}/${pid}`));
    return fd < 0 ? null : new OpenProcess(pid, fd);
  }

  /** What the OOM killer would look at; null when the process has died. */
  facts(): ProcessFacts | null {
    const oomScoreAdj = this.oomScoreAdj();
    if (oomScoreAdj === null) return null;
    const length = this.#read(statusFile);
    if (length <= 0) return null;
    return { pid: this.pid, oomScoreAdj, ...parseStatus(text.bytes, length) };
  }

  /** The name alone, which a dying process still has. */
  comm(): string | null {
    const length = this.#read(commFile);
    return length <= 0 ? null : decoder.decode(text.bytes.subarray(0, length - 1));
  }

  oomScoreAdj(): number | null {
    const length = this.#read(adjFile);
    return length <= 0 ? null : integerAt(text.bytes, 0, length);
  }

  /** Its memory cgroup relative to the mount; null when the process has died. */
  cgroup(hierarchy: 1 | 2): string | null {
    const length = this.#read(cgroupFile);
    return length <= 0 ? null : parseCgroupPath(decoder.decode(text.bytes.subarray(0, length)), hierarchy);
  }

  /** When it started, in clock ticks since boot (field 22 of /proc/PID/stat); 0 when it has died. */
  startTicks(): number {
    const length = this.#read(statFile);
    if (length <= 0) return 0;
    const stat = decoder.decode(text.bytes.subarray(0, length));
    // The name in parentheses may hold anything, parentheses too: count fields after the last one.
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? 0);
  }

  close(): void {
    close(this.directoryFd);
  }

  #read(file: NativeBuffer): number {
    const fd = openReadAt(this.directoryFd, file);
    if (fd < 0) return fd;
    const length = readFromStart(fd, text);
    close(fd);
    return length;
  }
}
