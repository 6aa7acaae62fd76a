import { close, openDirectory, openDirectoryAt, openReadAt, readFromStart } from "../../ffi/file.ts";
import { cString, NativeBuffer } from "../../ffi/native-buffer.ts";
import { childNames } from "../cgroup/children.ts";
import type { ProcessFacts } from "../decide/badness.ts";
import { parseCgroupPath } from "./cgroup-path.ts";
import { integerAt } from "./field-parser.ts";
import { parseStatus, type Status } from "./status.ts";

const statusFile = cString("status");
const statFile = cString("stat");
const commFile = cString("comm");
const adjFile = cString("oom_score_adj");
const cgroupFile = cString("cgroup");
const taskDirectory = cString("task");
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

  /** What the OOM killer would look at; null when the process has died, or never had memory of its own. */
  facts(): ProcessFacts | null {
    const oomScoreAdj = this.oomScoreAdj();
    if (oomScoreAdj === null) return null;
    const own = this.#status(statusFile);
    if (own === null) return null;
    const status = own.hasMemory ? own : this.#firstThread((file) => this.#statusWithMemory(file), "status");
    if (status === null) return null;
    const { rssBytes, swapBytes, pageTableBytes, admin } = status;
    const { comm, parentPid } = own;
    return { pid: this.pid, parentPid, comm, rssBytes, swapBytes, pageTableBytes, oomScoreAdj, admin };
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

  /** The memory cgroup it is in; null when the process has died. */
  cgroupPath(hierarchy: 1 | 2): string | null {
    const own = this.#cgroup(cgroupFile, hierarchy);
    // On v1 the kernel writes "/" for a thread that is exiting. The others may live on without their leader.
    if (own !== "/") return own;
    return this.#firstThread((file) => {
      const path = this.#cgroup(file, hierarchy);
      return path === "/" ? null : path;
    }, "cgroup");
  }

  /** When it started, in clock ticks since boot (field 22 of /proc/PID/stat); 0 when it has died. */
  startTicks(): number {
    return Number(this.#statFields(statFile)[19] ?? 0);
  }

  /**
   * Is a thread of it not at its end yet? Its memory comes free when the last one goes (exit_mm(), kernel/exit.c), and by
   * then cgroup v2 lists the process no more (css_task_iter_advance(), kernel/cgroup/cgroup.c).
   */
  isExiting(): boolean {
    const isOnItsWay = (file: NativeBuffer) => {
      const state = this.#statFields(file)[0];
      return state === undefined || state === "Z" || state === "X" ? null : true;
    };
    return isOnItsWay(statFile) ?? this.#firstThread(isOnItsWay, "stat") ?? false;
  }

  close(): void {
    close(this.directoryFd);
  }

  /** The fields of a stat file from the third one, the state, on; none when it has died. */
  #statFields(file: NativeBuffer): string[] {
    const length = this.#read(file);
    if (length <= 0) return [];
    const stat = decoder.decode(text.bytes.subarray(0, length));
    // The name in parentheses may hold anything, parentheses too: count fields after the last one.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  }

  #cgroup(file: NativeBuffer, hierarchy: 1 | 2): string | null {
    const length = this.#read(file);
    return length <= 0 ? null : parseCgroupPath(decoder.decode(text.bytes.subarray(0, length)), hierarchy);
  }

  #status(file: NativeBuffer): Status | null {
    const length = this.#read(file);
    if (length <= 0) return null;
    return length < text.bytes.length ? parseStatus(text.bytes, length) : this.#longStatus(file);
  }

  #statusWithMemory(file: NativeBuffer): Status | null {
    const status = this.#status(file);
    return status?.hasMemory ? status : null;
  }

  /** The line with the groups stands before those with the sizes, and a process may be in 65536 groups. */
  #longStatus(file: NativeBuffer): Status | null {
    const whole = new NativeBuffer(1024 * 1024);
    const length = this.#read(file, whole);
    return length <= 0 ? null : parseStatus(whole.bytes, length);
  }

  /**
   * The first answer one of the other threads has. A process whose main thread has ended (pthread_exit) lives on in
   * them: its own files look like a zombie's, and the kernel's OOM killer looks at the threads too
   * (find_lock_task_mm(), mm/oom_kill.c).
   */
  #firstThread<T>(ask: (file: NativeBuffer) => T | null, name: string): T | null {
    const tasks = openDirectoryAt(this.directoryFd, taskDirectory);
    if (tasks < 0) return null;
    const threads = childNames(tasks);
    close(tasks);
    for (const thread of threads) {
      if (Number(thread) === this.pid) continue;
      const answer = ask(cString(`task/${thread}/${name}`));
      if (answer !== null) return answer;
    }
    return null;
  }

  #read(file: NativeBuffer, into = text): number {
    const fd = openReadAt(this.directoryFd, file);
    if (fd < 0) return fd;
    const length = readFromStart(fd, into);
    close(fd);
    return length;
  }
}
