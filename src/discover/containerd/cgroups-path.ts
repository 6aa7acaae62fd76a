import { posix } from "node:path";
import * as v from "valibot";

/** Specs seen are 10 to 40 KB; far beyond that is not worth the main thread's time. */
const MAX_SPEC_BYTES = 1 << 20;
const MAX_PATH = 4096;

const Spec = v.object({
  linux: v.object({ cgroupsPath: v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_PATH)) }),
});

/** `linux.cgroupsPath` of an OCI runtime spec (JSON), or null when it says nothing usable. */
export function cgroupsPathOfSpec(json: Uint8Array): string | null {
  if (json.length > MAX_SPEC_BYTES) return null;
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(json));
  } catch {
    return null;
  }
  const spec = v.safeParse(Spec, value);
  return spec.success ? spec.output.linux.cgroupsPath : null;
}

/**
 * The cgroup that runc makes for a `linux.cgroupsPath`, relative to the mount.
 *
 * cgroupfs form: `/a/b/ID`. systemd form: `SLICE:PREFIX:NAME`, where dashes in the slice's name are levels:
 * `a-b.slice:cri-containerd:ID` is `/a.slice/a-b.slice/cri-containerd-ID.scope`.
 * @returns null for a relative path (runc puts that below its own cgroup, which is not known here) and for a
 *   slice that systemd would refuse.
 */
export function expandCgroupsPath(cgroupsPath: string): string | null {
  if (cgroupsPath.startsWith("/")) {
    const path = posix.normalize(cgroupsPath).replace(/(.)\/$/, "$1");
    return path === "/" ? null : path;
  }
  const [slice, prefix, name, ...rest] = cgroupsPath.split(":");
  if (slice === undefined || prefix === undefined || name === undefined || rest.length > 0) return null;
  if (name === "" || cgroupsPath.includes("/")) return null;
  // runc's default for a root container.
  const parent = expandSlice(slice === "" ? "system.slice" : slice);
  if (parent === null) return null;
  if (name.endsWith(".slice")) return `${parent}/${name}`;
  return `${parent}/${prefix === "" ? "" : `${prefix}-`}${name}.scope`;
}

/** `a-b-c.slice` -> `/a.slice/a-b.slice/a-b-c.slice`; `-.slice`, the root slice, -> "". */
function expandSlice(slice: string): string | null {
  if (!slice.endsWith(".slice")) return null;
  const name = slice.slice(0, -".slice".length);
  if (name === "-") return "";
  const parts = name.split("-");
  if (parts.includes("")) return null;
  return parts.map((_, level) => `/${parts.slice(0, level + 1).join("-")}.slice`).join("");
}
