import { printable } from "./text.ts";

/** The names of an incident or a row that tell whose memory it was. */
export interface Named {
  readonly cgroup: string;
  readonly namespace: string | null;
  readonly pod: string | null;
  readonly container: string | null;
}

/** A cgroup path may have 4096 characters, an Event's message only 1024. */
const MAX_NAME = 256;

/** Whose cgroup, in a sentence: `container app of default/web-0`, `pod default/web-0`, `cgroup /a/b`. */
export function subjectOf(named: Named): string {
  const { namespace, pod, container } = named;
  const ofPod = pod === null ? null : namespace === null ? pod : `${namespace}/${pod}`;
  if (container !== null)
    return `container ${short(container)}${ofPod === null ? "" : ` of ${short(ofPod)}`}`;
  return ofPod === null ? `cgroup ${short(named.cgroup)}` : `pod ${short(ofPod)}`;
}

/** Whose cgroup, in a column: `default/web-0/app`, `default/web-0`, or the cgroup's path. Not printable yet. */
export function pathOf(named: Named): string {
  const { namespace, pod, container } = named;
  if (pod === null) return container ?? named.cgroup;
  return [namespace, pod, container].filter((name) => name !== null).join("/");
}

function short(text: string): string {
  return printable(text, MAX_NAME);
}
