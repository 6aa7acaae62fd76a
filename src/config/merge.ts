import type { Config, GuardSettings, Rule } from "./config.ts";
import { defaults } from "./defaults.ts";
import type { FileSettings, FlagSettings } from "./schema.ts";

type FileRule = NonNullable<FileSettings["rule"]>[number];

/**
 * Flags beat the file, the file beats the defaults. A flag replaces the file's top-level key; the file's rules
 * still hold against it, so that `--policy container` does not strip what a rule protects. Only `--policy noop`
 * silences them too: who asks for a dry run must not see anything die.
 */
export function mergeConfig(file: FileSettings, flags: FlagSettings): Config {
  const dryRun = flags.policy === "noop";
  return {
    policy: flags.policy ?? file.policy ?? defaults.policy,
    marginRatio: flags.margin_ratio ?? file.margin_ratio ?? defaults.marginRatio,
    minMarginBytes: flags.min_margin ?? file.min_margin ?? defaults.minMarginBytes,
    maxMarginBytes: flags.max_margin ?? file.max_margin ?? defaults.maxMarginBytes,
    cacheFloor: file.cache_floor ?? defaults.cacheFloor,
    cgroupMount: file.cgroup_mount ?? defaults.cgroupMount,
    cgroupRoots: flags.cgroup_roots ?? file.cgroup_roots ?? defaults.cgroupRoots,
    stateDir: flags.state_dir ?? file.state_dir ?? defaults.stateDir,
    logFormat: flags.log_format ?? file.log_format ?? defaults.logFormat,
    logLevel: flags.log_level ?? file.log_level ?? defaults.logLevel,
    resyncMs: file.resync ?? defaults.resyncMs,
    kernelOom: file.kernel_oom ?? defaults.kernelOom,
    reclaim: {
      mode: file.reclaim?.mode ?? defaults.reclaim.mode,
      cooldownMs: file.reclaim?.cooldown ?? defaults.reclaim.cooldownMs,
    },
    v2: { high: file.v2?.high ?? defaults.v2.high },
    runtime: {
      sockets: file.runtime?.sockets ?? defaults.runtime.sockets,
      namespaces: file.runtime?.namespaces ?? defaults.runtime.namespaces,
    },
    kubernetes: {
      kubeconfig: file.kubernetes?.kubeconfig ?? defaults.kubernetes.kubeconfig,
      nodeName: file.kubernetes?.node_name ?? defaults.kubernetes.nodeName,
    },
    metrics: {
      listen: file.metrics?.listen ?? defaults.metrics.listen,
      textfile: file.metrics?.textfile ?? defaults.metrics.textfile,
    },
    rules: (file.rule ?? []).map((rule) => mergeRule(rule, dryRun)),
  };
}

function mergeRule(rule: FileRule, dryRun: boolean): Rule {
  const { namespace, pod, container, cgroup } = rule;
  const set: Partial<GuardSettings> = withoutAbsent({
    policy: dryRun ? undefined : rule.policy,
    marginRatio: rule.margin_ratio,
    minMarginBytes: rule.min_margin,
    maxMarginBytes: rule.max_margin,
    cacheFloor: rule.cache_floor,
    kernelOom: rule.kernel_oom,
  });
  return { match: withoutAbsent({ namespace, pod, container, cgroup }), set };
}

/** An object may be spread over the global settings only if what it does not set is not there at all. */
function withoutAbsent<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}
