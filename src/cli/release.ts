import { OomKeeper } from "../cgroup/v1/oom-keeper.ts";
import { HighKeeper } from "../cgroup/v2/high.ts";
import { openHeldLedger } from "../daemon/held.ts";
import type { HeldLedger } from "../record/held-ledger.ts";
import { configurationFor } from "./configuration.ts";
import { exitCode, UserError } from "./exit.ts";
import type { Handler } from "./handler.ts";
import { memoryMount } from "./memory-mount.ts";
import { writeOut } from "./output.ts";
import { takeLock } from "./take-lock.ts";

// The kernel may have to reclaim first, where what comes back is less than is used.
const RELEASE_MS = 10_000;

/** `oom-guard release`: gives back what a guard that ended abruptly has left in cgroups. The unit calls it after each end. */
export const release: Handler = async (options) => {
  const config = configurationFor(options);
  const { version, path } = memoryMount(config);
  if (process.getuid?.() !== 0)
    throw new UserError("release must be started as root: it writes into cgroups", exitCode.failed);
  const lock = takeLock(config.stateDir);
  try {
    const ledger = ledgerOf(config.stateDir);
    const keeper =
      version === 1 ? new OomKeeper(path, ledger, () => undefined) : new HighKeeper(path, ledger);
    const file = version === 1 ? "memory.oom_control" : "memory.high";
    const found = keeper.count;
    await keeper.letAllGo(RELEASE_MS);
    const left = keeper.count;
    if (left > 0)
      throw new UserError(
        `${file} of ${left} cgroups cannot be written: is ${path} mounted read-only?`,
        exitCode.failed,
      );
    if (found > 0) await writeOut(`${file} given back: ${found === 1 ? "1 cgroup" : `${found} cgroups`}\n`);
    return exitCode.ok;
  } finally {
    lock.release();
  }
};

function ledgerOf(stateDir: string): HeldLedger {
  try {
    return openHeldLedger(stateDir);
  } catch (cause) {
    const message = `what is to be given back is not known: ${String(cause)}`;
    throw new UserError(message, exitCode.failed, { cause });
  }
}
