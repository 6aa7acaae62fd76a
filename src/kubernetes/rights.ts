import type { Right } from "./api-error.ts";

/** Every right oom-guard uses at the API server; `rbac.yaml` grants exactly these. */
export const rights = {
  createEvents: { verb: "create", resource: "events" },
  patchEvents: { verb: "patch", resource: "events" },
  listPods: { verb: "list", resource: "pods" },
  getNode: { verb: "get", resource: "nodes" },
} as const satisfies Readonly<Record<string, Right>>;
