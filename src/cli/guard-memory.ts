import { lockTouchedFiles, lockTouchedMemory } from "../../ffi/memory-lock.ts";
import { SysError } from "../../ffi/sys-error.ts";
import { totalSwapBytes } from "../../ffi/sysinfo.ts";

// What they leave behind outlives quick collections, 1 KB each: 0.7 MB a minute where ten a second come and go. A whole
// one takes 6 ms.
const COLLECT_AFTER_GONE = 500;

const CONSEQUENCE = "under memory pressure the guard may be paged out";

/** Keeps what the guard needs in memory, where that can be had, and only that. */
export class GuardMemory {
  readonly #say: (message: string) => void;
  #isSettled = false;
  #isLocked = { withSwap: false, withoutSwap: false };
  #isRefused = false;
  #goneCount = 0;

  /** @param say why it cannot be kept, and the fix; once */
  constructor(say: (message: string) => void) {
    this.#say = say;
  }

  /** The start is over: what it has left on the heap is given back, and what is in memory stays there. */
  settle(): void {
    // What the start has left on the heap, and its code; 250 cgroups at rest have 6 MB less with both.
    Bun.gc(true);
    Bun.shrink();
    this.#isSettled = true;
    this.keep();
  }

  /**
   * Locks what could be taken away: with swap all memory, without it what can be read again from its files. To be called
   * now and then, as swap may be added. Nothing before `settle`: what is locked cannot be given back, and a start of more
   * than a second, with 1000 cgroups, kept all that it had touched.
   */
  keep(): void {
    if (!this.#isSettled) return;
    const hasSwap = totalSwapBytes() > 0;
    if (this.#isRefused || (hasSwap ? this.#isLocked.withSwap : this.#isLocked.withoutSwap)) return;
    try {
      const isLocked = hasSwap ? lockTouchedMemory() : lockTouchedFiles();
      if (isLocked) this.#isLocked = { withSwap: hasSwap, withoutSwap: true };
      else this.#refused("this kernel cannot lock only what is touched, Linux 4.4 can");
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      this.#refused(error.message, "; it needs CAP_IPC_LOCK, or LimitMEMLOCK=infinity in its unit");
    }
  }

  /** Gives back what cgroups have left on this thread's heap. @param goneCount how many are gone since the start */
  collect(goneCount: number): void {
    if (goneCount - this.#goneCount < COLLECT_AFTER_GONE) return;
    this.#goneCount = goneCount;
    Bun.gc(true);
  }

  #refused(reason: string, fix = ""): void {
    this.#isRefused = true;
    this.#say(`memory is not locked (${reason}): ${CONSEQUENCE}${fix}`);
  }
}
