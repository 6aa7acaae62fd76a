import { lockStateDir } from "../record/lock.ts";
import { exitCode, UserError } from "./exit.ts";

/** Makes this process the only guard on a state directory. @throws UserError when another one is */
export function takeLock(stateDir: string): { release(): void } {
  try {
    const lock = lockStateDir(stateDir);
    if (lock.held) return lock;
    throw new UserError(
      `another oom-guard (${lock.holder}) holds ${stateDir}: stop it, or give this one its own --state-dir`,
      exitCode.failed,
    );
  } catch (error) {
    // A disk that cannot be written costs the record, never the guard.
    if (error instanceof UserError) throw error;
    return { release: () => undefined };
  }
}
