import * as v from "valibot";
import { dnsLabel, dnsSubdomain, podUid } from "../kubernetes-names.ts";

/** A label as it comes off the wire: any bytes. */
export interface RawLabel {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** What Kubernetes' labels on a container say; null where one is absent or is not what Kubernetes would write. */
export interface KubernetesLabels {
  readonly namespace: string | null;
  readonly pod: string | null;
  readonly podUid: string | null;
  readonly container: string | null;
  readonly sandbox: boolean | null;
}

/** The longest valid value is a pod's name. */
const MAX_VALUE_BYTES = 253;

/**
 * Each name is checked for itself, and replaced by null rather than cut.
 */
const Labels = v.object({
  "io.kubernetes.pod.namespace": v.fallback(v.nullable(dnsLabel), null),
  "io.kubernetes.pod.name": v.fallback(v.nullable(dnsSubdomain), null),
  "io.kubernetes.pod.uid": v.fallback(v.nullable(podUid), null),
  "io.kubernetes.container.name": v.fallback(v.nullable(dnsLabel), null),
  "io.cri-containerd.kind": v.fallback(v.nullable(v.picklist(["sandbox", "container"])), null),
});

const WANTED = new Set(Object.keys(Labels.entries));
const LONGEST_KEY = Math.max(...[...WANTED].map((key) => key.length));

/** Picks the labels that Kubernetes writes out of all a container has, whatever their size and bytes. */
export function readLabels(labels: readonly RawLabel[]): KubernetesLabels {
  const found: Record<string, string | null> = Object.fromEntries([...WANTED].map((key) => [key, null]));
  for (const { key, value } of labels) {
    if (key.length > LONGEST_KEY) continue;
    const name = text(key);
    if (name === null || !WANTED.has(name)) continue;
    found[name] = value.length > MAX_VALUE_BYTES ? null : text(value);
  }
  const valid = v.parse(Labels, found);
  const kind = valid["io.cri-containerd.kind"];
  return {
    namespace: valid["io.kubernetes.pod.namespace"],
    pod: valid["io.kubernetes.pod.name"],
    podUid: valid["io.kubernetes.pod.uid"],
    container: valid["io.kubernetes.container.name"],
    sandbox: kind === null ? null : kind === "sandbox",
  };
}

function text(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
