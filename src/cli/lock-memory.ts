import { lockTouchedMemory } from "../../ffi/memory-lock.ts";
import { SysError } from "../../ffi/sys-error.ts";

/** Keeps the guard from being paged out, where that can be had. @param say why it cannot, and the fix */
export function lockMemory(say: (message: string) => void): void {
  const consequence = "under memory pressure the guard may be paged out";
  try {
    if (!lockTouchedMemory())
      say(
        `memory is not locked (this kernel cannot lock only what is touched, Linux 4.4 can): ${consequence}`,
      );
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    const fix = "it needs CAP_IPC_LOCK, or LimitMEMLOCK=infinity in its unit";
    say(`memory is not locked (${error.message}): ${consequence}; ${fix}`);
  }
}
