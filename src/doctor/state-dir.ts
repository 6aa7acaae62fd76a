import { accessSync, closeSync, constants, openSync, rmSync, statfsSync, statSync } from "node:fs";
import { lockHolder } from "../record/lock.ts";
import { IncidentStore } from "../record/store.ts";
import type { StoreError } from "../record/store-error.ts";
import { humanSize } from "../report/size.ts";
import { type Finding, fail, ok, warn } from "./check.ts";
import { nearestExisting } from "./existing.ts";

// More than the store grows to; with less, whatever else writes there may fill it before.
const ROOM_BYTES = 64 * 2 ** 20;

/** Can incidents be kept? Nothing is left behind: a directory that is not there is not made. */
export function checkStateDir(stateDir: string, procRoot: string): Finding {
  const existing = nearestExisting(stateDir);
  const elsewhere = "or name another place with state_dir";
  if (!statSync(existing).isDirectory()) {
    return fail(`${existing} is not a directory: incidents are not kept`, `remove that file, ${elsewhere}`);
  }
  const refusal = tryToWrite(existing, existing === stateDir);
  if (refusal !== null) {
    return fail(
      `${existing} cannot be written (${refusal}): incidents are not kept`,
      `mend that, ${elsewhere}`,
    );
  }
  const freeBytes = freeBytesAt(existing);
  if (freeBytes < ROOM_BYTES) {
    return warn(
      `${humanSize(freeBytes)} free at ${existing}: soon incidents are not kept`,
      `have at least ${humanSize(ROOM_BYTES)} free, ${elsewhere}`,
    );
  }
  const opened = IncidentStore.open(stateDir, { readonly: true });
  if (!opened.ok) return judgeStore(opened.error);
  opened.value.close();
  const made = existing === stateDir ? "" : ", made at the first start";
  const holder = lockHolder(stateDir, procRoot);
  const guard = holder === null ? "" : `, a guard runs (pid ${holder})`;
  return ok(`${stateDir}${made}, ${humanSize(freeBytes)} free${guard}`);
}

/** What a store that cannot be read means for a guard. */
export function judgeStore({ reason, message, path }: StoreError): Finding {
  switch (reason) {
    case "newer schema":
      return fail(message, "run the newer oom-guard, or give this one its own state_dir");
    case "corrupt":
      return warn(message, `nothing: the next start moves ${path} aside and makes a new one`);
    case "locked":
      return warn(message, "try again; if it stays so, end what holds it");
    default:
      return fail(message, `see what is wrong with ${path}`);
  }
}

/** @returns why not, null: it can be written */
function tryToWrite(directory: string, isStateDir: boolean): string | null {
  const file = `${directory}/.doctor-${process.pid}`;
  try {
    if (isStateDir) {
      closeSync(openSync(file, "wx", 0o600));
      rmSync(file);
    } else accessSync(directory, constants.W_OK);
    return null;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

function freeBytesAt(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}
