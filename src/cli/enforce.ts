import { errnoName } from "../../ffi/errno.ts";
import { close, openDirectory } from "../../ffi/file.ts";
import { cString } from "../../ffi/native-buffer.ts";
import { sigkill } from "../../ffi/process.ts";
import { factsOf } from "../act/choose.ts";
import { describe, LISTED_VICTIMS, type Strike, strike } from "../act/strike.ts";
import { closeUnits, openUnits } from "../act/units.ts";
import { pidsBelow } from "../cgroup/processes.ts";
import { Cluster, eventMode } from "../daemon/cluster.ts";
import { openRecorder } from "../daemon/recording.ts";
import { calm, lookOnce, step } from "../decide/step.ts";
import type { Identity } from "../discover/identity.ts";
import { ClusterAccess } from "../kubernetes/cluster-access.ts";
import { draftIncident } from "../record/draft.ts";
import type { Incident } from "../record/incident.ts";
import { lockStateDir } from "../record/lock.ts";
import type { Recorder } from "../record/recorder.ts";
import { createLog, type Log } from "../report/log.ts";
import { logIncident } from "../report/reporter.ts";
import { Survey, type Surveyed, type SurveyTools } from "../survey/survey.ts";
import { exitCode, UserError } from "./exit.ts";

// What one victim frees must be seen before the next cgroup above it is judged.
const DEATH_WAIT_MS = 5000;
const DELIVERY_WAIT_MS = 5000;

/**
 * `scan --enforce`: applies the policy once to everything that is over its threshold, containers before the pods they
 * are in, each on a fresh look. Not beside a running guard: two would kill twice.
 * @throws UserError when a guard runs on the same state directory
 */
export async function enforce(tools: SurveyTools, over: readonly Surveyed[]): Promise<void> {
  const { stateDir, logFormat, logLevel } = tools.config;
  const lock = lockStateDir(stateDir);
  if (!lock.held) {
    throw new UserError(
      `oom-guard (${lock.holder}) is guarding already and enforces by itself; nothing was done`,
      exitCode.failed,
    );
  }
  const log = createLog({ format: logFormat, level: logLevel });
  const access = new ClusterAccess(tools.config.kubernetes, process.env);
  const { recorder } = openRecorder(stateDir, null, tools.hierarchy.version, log, () => eventMode(access));
  const survey = new Survey(tools);
  try {
    const deepestFirst = over.toSorted((a, b) => b.cgroup.split("/").length - a.cgroup.split("/").length);
    for (const { cgroup } of deepestFirst) await enforceOne(cgroup, survey, tools, recorder, log);
    await sendEvents(access, tools, recorder, log);
  } finally {
    recorder.close(true);
    await log.close();
    lock.release();
  }
}

/** What cannot be sent now waits in the store for the daemon. */
async function sendEvents(
  access: ClusterAccess,
  { names }: SurveyTools,
  recorder: Recorder,
  log: Log,
): Promise<void> {
  if (eventMode(access) !== "on") return;
  const cluster = new Cluster(access, names, () => recorder.outbox(performance.now()), log);
  const pending = await cluster.deliver(DELIVERY_WAIT_MS);
  await cluster.stop();
  const what = pending === 1 ? "1 Event is" : `${pending} Events are`;
  if (pending > 0)
    log.warn("events-pending", `${what} not sent yet: the next "oom-guard run" sends what waits`);
}

async function enforceOne(
  cgroup: string,
  survey: Survey,
  tools: SurveyTools,
  recorder: Recorder,
  log: Log,
): Promise<void> {
  const surveyed = survey.look(cgroup);
  if (surveyed === null) return;
  const { reading, bounds, policy } = surveyed;
  const { action } = step(calm, reading, bounds, policy, lookOnce);
  if (action === "none") {
    log.info(
      "kernel-can-reclaim",
      "over its threshold, but nothing to kill for: the kernel can still reclaim",
      { cgroup },
    );
    return;
  }
  const identityOf = (victim: string) => survey.identify(victim).identity;
  const report = (incident: Incident) => {
    recorder.record(incident, [], performance.now());
    logIncident(log, incident);
  };
  if (action === "note") {
    const chosen = surveyed.guardChoice?.cgroup ?? null;
    const victims = chosen === null ? [] : victimsIn(chosen, surveyed, tools);
    report(
      draft(
        surveyed,
        "would-kill",
        identityOf(chosen ?? cgroup),
        victims.slice(0, LISTED_VICTIMS),
        victims.length,
      ),
    );
    return;
  }
  const struck = strikeIn(surveyed, survey, tools, log);
  if (struck === null) {
    log.warn("no-victim", "over its threshold, but holds no process the guard may kill", { cgroup });
    return;
  }
  const incident = draft(surveyed, "kill", identityOf(struck.unit.cgroup), struck.victims, struck.pids.size);
  report(incident);
  await untilDead(struck, incident, recorder, log);
  close(struck.unit.directoryFd);
}

/** Every process of the cgroup that would be killed whole; of a pod that is one of its containers. */
function victimsIn(chosen: string, { totalPages }: Surveyed, tools: SurveyTools): Incident["victims"] {
  const directoryFd = openDirectory(cString(`${tools.hierarchy.mount}${chosen}`));
  if (directoryFd < 0) return [];
  const processes = factsOf(tools.procRoot, pidsBelow(directoryFd));
  close(directoryFd);
  return describe(processes, { totalPages: () => totalPages, around: tools });
}

function strikeIn(surveyed: Surveyed, survey: Survey, tools: SurveyTools, log: Log): Strike | null {
  const { cgroup, policy, identity, totalPages } = surveyed;
  const directoryFd = openDirectory(cString(`${tools.hierarchy.mount}${cgroup}`));
  if (directoryFd < 0) return null;
  const units = openUnits(directoryFd, cgroup, identity.kind, (name) => survey.identify(name).identity.kind);
  close(directoryFd);
  const struck = strike(units, {
    policy: policy === "process" ? "process" : "container",
    totalPages: () => totalPages,
    snapshot: null,
    signal: sigkill,
    hierarchy: tools.hierarchy.version,
    around: survey.surroundings(cgroup, policy),
    onIntent: () => undefined,
    onRefused: (pid, errno) =>
      log.warn("process-not-killed", `cannot kill process ${pid}: ${errnoName(-errno)}`, { cgroup }),
  });
  closeUnits(units, struck?.unit);
  return struck;
}

async function untilDead(struck: Strike, incident: Incident, recorder: Recorder, log: Log): Promise<void> {
  const struckMs = performance.now();
  while (pidsBelow(struck.unit.directoryFd).some((pid) => struck.pids.has(pid))) {
    if (performance.now() - struckMs > DEATH_WAIT_MS) {
      const stuck = { ...incident, id: `${incident.id}-stuck`, kind: "stuck" as const };
      recorder.record(stuck, [], performance.now());
      logIncident(log, stuck);
      return;
    }
    await Bun.sleep(5);
  }
  recorder.setDead(incident.id, Math.round(performance.now() - struckMs), performance.now());
}

function draft(
  surveyed: Surveyed,
  kind: "kill" | "would-kill",
  victimIdentity: Identity,
  victims: Incident["victims"],
  victimCount: number,
): Incident {
  const { cgroup, policy, limitBytes, bounds, reading } = surveyed;
  return draftIncident({
    kind,
    trigger: "scan",
    policy,
    cgroup,
    identity: victimIdentity,
    limitBytes,
    thresholdBytes: bounds.thresholdBytes,
    reading,
    victims,
    victimCount,
    decideMicros: null,
  });
}
