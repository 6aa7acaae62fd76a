import type { Hierarchy } from "./hierarchy.ts";
import { hierarchyV1 } from "./v1/hierarchy.ts";
import { hierarchyV2 } from "./v2/hierarchy.ts";

/** The mounted hierarchy for whoever arms nothing: in what unit thresholds are, or what may be written, is of no matter. */
export function hierarchyToLookAt({ version, path }: { version: 1 | 2; path: string }): Hierarchy {
  return version === 1
    ? hierarchyV1(path, { unit: "bytes", keeper: null, mayHold: false })
    : hierarchyV2(path, { keeper: null, mayHold: false });
}
