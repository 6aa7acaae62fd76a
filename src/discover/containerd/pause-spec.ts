import * as v from "valibot";

/** Specs seen are 10 to 40 KB. */
const MAX_SPEC_BYTES = 1 << 20;
/** A spec is JSON of Go, which escapes no slash: without this text in it there is nothing to parse. */
const PAUSE = Buffer.from('"/pause"');

const Spec = v.object({
  process: v.object({ args: v.strictTuple([v.literal("/pause")]) }),
  linux: v.object({ namespaces: v.array(v.object({ path: v.optional(v.string(), "") })) }),
});

/**
 * Whether an OCI runtime spec (JSON) is that of a pod's pause container, as Docker runs it for Kubernetes: nothing but
 * `/pause`, and it joins nobody. Docker's Kubernetes shims let every other container of a pod join the network and IPC
 * namespaces of the pause container (`/proc/PID/ns/ipc`), which tells an app that runs the pause image (a placeholder
 * pod) from the real one. Anything unexpected is no: a sandbox that is missed holds next to nothing, an app that is
 * taken for a sandbox is not guarded.
 */
export function isPauseSpec(json: Uint8Array): boolean {
  if (json.length > MAX_SPEC_BYTES || !Buffer.from(json.buffer, json.byteOffset, json.length).includes(PAUSE))
    return false;
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(json));
  } catch {
    return false;
  }
  const spec = v.safeParse(Spec, value);
  return spec.success && !spec.output.linux.namespaces.some(({ path }) => path.startsWith("/proc/"));
}
