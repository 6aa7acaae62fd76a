/** What the guard may do at a threshold. */
export type Policy = "process" | "container" | "noop";

/** Who is in charge at a limit: the kernel's OOM killer, or the guard, for which tasks wait there (cgroup v1). */
export type KernelOom = "allow" | "hold";

/** How much reclaimable cache means "do not kill": a size, or as much as the cgroup's own margin. */
export type CacheFloor = number | "margin";

/** The part of the configuration that a rule may override for the cgroups it matches. */
export interface GuardSettings {
  readonly policy: Policy;
  /** Share of the limit kept as margin, above 0 and below 1. */
  readonly marginRatio: number;
  readonly minMarginBytes: number;
  readonly maxMarginBytes: number;
  readonly cacheFloor: CacheFloor;
  readonly kernelOom: KernelOom;
}

/** One `[[rule]]`: every pattern it has must match (globs); what it sets replaces the global setting. */
export interface Rule {
  readonly match: {
    readonly namespace?: string;
    readonly pod?: string;
    readonly container?: string;
    readonly cgroup?: string;
  };
  readonly set: Partial<GuardSettings>;
}

export type LogFormat = "auto" | "text" | "json" | "journal";
export type LogLevel = "error" | "warn" | "info" | "debug";

/** The whole configuration after file, flags and defaults are merged. Sizes in bytes, times in milliseconds. */
export interface Config extends GuardSettings {
  /** "auto", or the directory where the memory hierarchy is mounted. */
  readonly cgroupMount: string;
  /** Globs relative to the mount; nothing outside them is ever touched. */
  readonly cgroupRoots: readonly string[];
  readonly stateDir: string;
  readonly logFormat: LogFormat;
  readonly logLevel: LogLevel;
  readonly resyncMs: number;
  readonly reclaim: { readonly mode: "auto" | "always" | "never"; readonly cooldownMs: number };
  readonly v2: { readonly high: "auto" | "off" };
  readonly runtime: { readonly sockets: readonly string[]; readonly namespaces: readonly string[] };
  readonly kubernetes: { readonly kubeconfig: string; readonly nodeName: string };
  readonly metrics: { readonly listen: string; readonly textfile: string };
  /** First match wins. */
  readonly rules: readonly Rule[];
}
