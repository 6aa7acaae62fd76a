import text from "./rbac.yaml" with { type: "text" };

/** The rights oom-guard needs of the API server, as `oom-guard print rbac` prints them for `kubectl apply`. */
export const rbacManifest: string = text;
