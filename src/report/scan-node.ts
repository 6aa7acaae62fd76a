import type { Overcommit } from "../node/overcommit.ts";
import { padRight, wrap } from "./columns.ts";
import type { ScanNode } from "./scan-report.ts";
import { humanSize } from "./size.ts";
import { ellipsis, type Look, type Paint, paint, withRoom } from "./style.ts";

/** A labelled line, or several where it does not fit. */
interface Fact {
  readonly label: string;
  readonly text: string;
  readonly color?: Paint | null;
}

const LABEL_WIDTH = 12;
const NOT_TOLD = "not known without the API server";

/**
 * How much memory the node has left by kubelet's count and the kernel's, and how much of it is spoken for. No line is
 * wider than `columns`. Every line ends with a newline.
 * @param unknownEviction why kubelet's threshold is not known; null where it is, or where kubelet has none
 */
export function renderNode(node: ScanNode, unknownEviction: string | null, options: Look): string {
  const look = withRoom(options);
  const facts: Fact[] = [
    { label: "available", text: available(node) },
    eviction(node, unknownEviction),
    { label: "overcommit", text: overcommit(node.overcommit) },
    { label: "requests", text: requests(node) },
    { label: "limits", text: limits(node) },
  ];
  return `${[paint("NODE", "dim", look), ...facts.flatMap((fact) => factLines(fact, look))].join("\n")}\n`;
}

function factLines({ label, text, color = null }: Fact, look: Look): string[] {
  const lines = wrap(text, look.columns - LABEL_WIDTH, ellipsis(look));
  return lines.map((line, i) => padRight(i === 0 ? label : "", LABEL_WIDTH) + paint(line, color, look));
}

function available(node: ScanNode): string {
  const { memoryAvailableBytes, memoryTotalBytes, workingSetBytes, linuxMemAvailableBytes } = node;
  const linux =
    linuxMemAvailableBytes === null ? "" : `; Linux's own estimate: ${humanSize(linuxMemAvailableBytes)}`;
  if (memoryAvailableBytes === null || workingSetBytes === null)
    return `not known as kubelet counts it${linux}`;
  const kubelet = `${humanSize(memoryAvailableBytes)} of ${humanSize(memoryTotalBytes)} as kubelet counts it`;
  return `${kubelet} (working set ${humanSize(workingSetBytes)})${linux}`;
}

/** Red and yellow as for a limit: at the threshold or below, and within twice of it. */
function eviction(node: ScanNode, unknown: string | null): Fact {
  const { evictionThresholdBytes: threshold, distanceToEvictionBytes: distance } = node;
  const label = "eviction";
  if (unknown !== null) return { label, text: `kubelet's threshold is not known: ${unknown}` };
  if (threshold === null)
    return { label, text: "kubelet has no threshold for memory: it waits for the kernel" };
  const where = `kubelet evicts below ${humanSize(threshold)} available`;
  if (distance === null) return { label, text: where };
  if (distance < 0)
    return { label, text: `${where}, and is ${humanSize(-distance)} below that`, color: "red" };
  return {
    label,
    text: `${where}: ${humanSize(distance)} to go`,
    color: distance < threshold ? "yellow" : null,
  };
}

function overcommit({ mode, committedBytes, commitLimitBytes }: Overcommit): string {
  if (mode === null || committedBytes === null || commitLimitBytes === null) return "not known";
  const promised = `${humanSize(committedBytes)} promised`;
  const limit = humanSize(commitLimitBytes);
  switch (mode) {
    case 0:
      return `heuristic (0): ${promised}; CommitLimit ${limit} is not enforced, only absurd requests fail`;
    case 1:
      return `always (1): ${promised}; CommitLimit ${limit} is not enforced, no request fails`;
    case 2: {
      const left = humanSize(Math.max(0, commitLimitBytes - committedBytes));
      return `strict (2): ${promised}, ${left} left of CommitLimit ${limit}; beyond it allocations fail (ENOMEM): processes fail instead of being OOM-killed`;
    }
  }
}

function requests({ requestsBytes, allocatableBytes, allocatableSource }: ScanNode): string {
  const by = allocatableSource === "cgroup" ? ", by the limit of the pods' cgroup" : "";
  if (allocatableBytes === null) {
    return requestsBytes === null
      ? NOT_TOLD
      : `${humanSize(requestsBytes)}; how much is allocatable is not known`;
  }
  const all = `${humanSize(allocatableBytes)} allocatable`;
  if (requestsBytes === null) return `${NOT_TOLD} (${all}${by})`;
  return `${humanSize(requestsBytes)} of ${all} (${percent(requestsBytes, allocatableBytes)}${by})`;
}

function limits({ limitsBytes, podsWithoutLimit, allocatableBytes }: ScanNode): string {
  if (limitsBytes === null) return NOT_TOLD;
  const share = allocatableBytes === null ? "" : ` (${percent(limitsBytes, allocatableBytes)})`;
  const free = podsWithoutLimit ?? 0;
  const unlimited = free === 0 ? "" : `; ${free} pod${free === 1 ? " has" : "s have"} no limit`;
  return `${humanSize(limitsBytes)}${share}${unlimited}`;
}

function percent(part: number, whole: number): string {
  return whole > 0 ? `${Math.floor((part / whole) * 100)}%` : "?";
}
