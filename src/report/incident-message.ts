import type { Incident, Victim } from "../record/incident.ts";
import { subjectOf } from "./names.ts";
import { exactSize, humanMicros } from "./size.ts";
import { printable } from "./text.ts";

/** The kernel's limit for comm is 15 bytes; escaped they take at most four times as much. */
const MAX_COMM = 64;

/** The incident in one line, with the numbers the decision used; safe to print, and short enough for an Event. */
export function incidentMessage(incident: Incident): string {
  const largest = largestOf(incident.victims);
  const single = namesOneProcess(incident) ? largest : null;
  const facts = [
    shortageOf(incident),
    memoryOf(incident),
    single === null ? processesOf(incident, largest) : null,
  ];
  const said = facts.filter((fact) => fact !== null).join(", ");
  const decided = incident.decideMicros === null ? "" : `; decided in ${humanMicros(incident.decideMicros)}`;
  return printable(`${deedOf(incident, single)}${said === "" ? "" : `: ${said}`}${decided}`);
}

/** Was it about one process, so that the sentence may begin with its name? */
function namesOneProcess({ kind, policy, victimCount }: Incident): boolean {
  return (kind === "kernel-oom" || policy === "process") && victimCount <= 1;
}

function deedOf(incident: Incident, victim: Victim | null): string {
  const subject = subjectOf(incident);
  const whom = victim === null ? subject : `process ${describe(victim)} in ${subject}`;
  switch (incident.kind) {
    case "kill":
      return `killed ${killsAll(incident) || victim !== null ? "" : "processes in "}${whom}`;
    case "would-kill":
      return `would have killed ${whom} (policy ${incident.policy})`;
    case "kernel-oom": {
      const struck = victim === null ? `struck in ${subject}` : `killed ${whom}`;
      return `the kernel's OOM killer ${struck}${incident.silent ? ", which goes on without it" : ""}`;
    }
    case "stuck":
      return `still alive after SIGKILL: ${whom}`;
  }
}

/** Whose memory ran out. A limit above the pods is told as the node's, but has a size. */
function shortageOf({ scope, container, limitBytes }: Incident): string | null {
  switch (scope) {
    case "container":
      return `the ${container === null ? "cgroup" : "container"} was at its limit`;
    case "pod":
      return "the pod was at its limit";
    case "node":
      return limitBytes === null ? "the node was out of memory" : "the pods were at their common limit";
    case null:
      return null;
  }
}

/** Only of a container can one say it was killed; in any other cgroup it was processes. */
function killsAll({ policy, container }: Incident): boolean {
  return policy !== "process" && container !== null;
}

function memoryOf({ usageBytes, limitBytes, thresholdBytes, reclaimableBytes }: Incident): string | null {
  const details = [
    thresholdBytes === null ? null : `threshold ${exactSize(thresholdBytes)}`,
    reclaimableBytes === null ? null : `reclaimable ${exactSize(reclaimableBytes)}`,
  ].filter((detail) => detail !== null);
  const limit = limitBytes === null ? null : exactSize(limitBytes);
  const used = usageBytes === null ? null : `${exactSize(usageBytes)} used`;
  const head = used === null ? limit && `limit ${limit}` : limit === null ? used : `${used} of ${limit}`;
  if (head === null) return details.length === 0 ? null : details.join(", ");
  return details.length === 0 ? head : `${head} (${details.join(", ")})`;
}

function processesOf({ victimCount }: Incident, largest: Victim | null): string | null {
  if (victimCount === 0 && largest === null) return null;
  const count = `${victimCount} process${victimCount === 1 ? "" : "es"}`;
  if (largest === null) return count;
  return victimCount === 1 ? `${count}, ${describe(largest)}` : `${count}, largest ${describe(largest)}`;
}

function describe({ pid, comm, rssBytes, oomScoreAdj }: Victim): string {
  const details = [
    `pid ${pid}`,
    rssBytes === null ? null : exactSize(rssBytes),
    oomScoreAdj === null ? null : `oom_score_adj ${oomScoreAdj}`,
  ].filter((detail) => detail !== null);
  return comm === null ? details.join(", ") : `${printable(comm, MAX_COMM)} (${details.join(", ")})`;
}

/** The victim with the most memory; the first of them where several have it, or none of it is known. */
function largestOf(victims: readonly Victim[]): Victim | null {
  return victims.reduce<Victim | null>(
    (max, victim) => (max === null || (victim.rssBytes ?? -1) > (max.rssBytes ?? -1) ? victim : max),
    null,
  );
}
