import { isWithin } from "../proc/cgroup-path.ts";
import { OpenProcess } from "../proc/process.ts";
import { BlackBox, VOLATILE_DIR } from "../record/black-box.ts";
import type { Incident } from "../record/incident.ts";
import { IncidentQueue } from "../record/incident-queue.ts";
import type { EventMode } from "../record/initial-event.ts";
import { type Left, Recorder } from "../record/recorder.ts";
import { IncidentStore } from "../record/store.ts";
import type { Log } from "../report/log.ts";
import { logIncident } from "../report/reporter.ts";

/** Opens the black box of a state directory; the state directory itself has to do where /run cannot be written. */
export function openBlackBox(stateDir: string, log: Log): BlackBox | null {
  const name = `black-box-${Bun.hash(stateDir).toString(36)}`;
  try {
    return BlackBox.open(VOLATILE_DIR, name);
  } catch {
    try {
      return BlackBox.open(stateDir, "black-box");
    } catch (error) {
      log.warn(
        "no-black-box",
        `without a black box: an incident is lost if oom-guard is killed in the moment it happens (${String(error)})`,
      );
      return null;
    }
  }
}

/**
 * Opens the store, and stores and reports what the last process could not. A store that does not work is said once per
 * reason.
 * @returns `counted`: the kernel's kills that it has left, which are not recorded yet
 */
export function openRecorder(
  stateDir: string,
  blackBox: BlackBox | null,
  hierarchy: 1 | 2,
  log: Log,
  eventMode: () => EventMode = () => "off",
): { recorder: Recorder; counted: readonly Left[] } {
  const failing = new Set<string>();
  const queue = new IncidentQueue(() => {
    const opened = IncidentStore.open(stateDir);
    if (opened.ok && opened.value.setAside !== null) {
      log.error(
        "store-corrupt",
        `the incident store was corrupt: moved to ${opened.value.setAside}, a new one is used`,
      );
    }
    return opened;
  });
  const recorder = new Recorder(
    queue,
    blackBox,
    (error) => {
      failing.add(error.reason);
      log.once(
        "store-failed",
        `store ${error.reason}`,
        "error",
        `incidents are kept in memory only: ${error.message}`,
      );
    },
    () => {
      for (const reason of failing)
        log.resolved("store-recovered", `store ${reason}`, "info", "the incident store works again");
      failing.clear();
    },
    eventMode,
  );
  const { stored, counted } = recorder.recover(
    (incident) => happened(incident, hierarchy),
    performance.now(),
  );
  const left = stored.length + counted.length;
  if (left > 0)
    log.warn("incidents-recovered", `${left} incidents were left by an oom-guard that ended abruptly`);
  for (const incident of stored) logIncident(log, incident);
  return { recorder, counted };
}

/** An intent was carried out if one of its victims is no longer where it was. */
function happened(incident: Incident, hierarchy: 1 | 2): boolean {
  return incident.victims.some(({ pid }) => {
    const process = OpenProcess.open("/proc", pid);
    const cgroup = process?.cgroupPath(hierarchy) ?? null;
    // Dead but not reaped it still is in its cgroup (v2).
    const isDead = process?.facts() == null;
    process?.close();
    return isDead || cgroup === null || !isWithin(cgroup, incident.cgroup);
  });
}
