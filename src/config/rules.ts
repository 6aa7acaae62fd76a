import type { Config, GuardSettings, Rule } from "./config.ts";

/** What a rule may match on. What is not known is null, and no pattern matches it. */
export interface RuleFacts {
  readonly namespace: string | null;
  readonly pod: string | null;
  readonly container: string | null;
  /** Relative to the mount. */
  readonly cgroup: string | null;
}

/** The rules of one configuration, compiled. The same rule always yields the same object. */
export interface SettingsMatcher {
  settingsFor(facts: RuleFacts): GuardSettings;
}

const factNames = ["namespace", "pod", "container", "cgroup"] as const;

/** Compiles the globs and merges the settings once, for the many cgroups that are asked about. */
export function compileRules(config: Config): SettingsMatcher {
  const general: GuardSettings = {
    policy: config.policy,
    marginRatio: config.marginRatio,
    minMarginBytes: config.minMarginBytes,
    maxMarginBytes: config.maxMarginBytes,
    cacheFloor: config.cacheFloor,
    kernelOom: config.kernelOom,
  };
  const rules = config.rules.map(({ match, set }) => ({
    patterns: factNames.flatMap((fact) => {
      const pattern = match[fact];
      return pattern === undefined ? [] : [{ fact, glob: new Bun.Glob(pattern) }];
    }),
    settings: { ...general, ...set },
  }));
  return {
    settingsFor(facts) {
      const rule = rules.find(({ patterns }) =>
        patterns.every(({ fact, glob }) => {
          const value = facts[fact];
          return value !== null && glob.match(value);
        }),
      );
      return rule?.settings ?? general;
    },
  };
}

/** Is there any cgroup whose tasks are to wait for the guard at their limit? */
export function asksForHold({ kernelOom, rules }: Config): boolean {
  return kernelOom === "hold" || rules.some(({ set }) => set.kernelOom === "hold");
}

/** Is there a rule that needs the names of containers, where others go by cgroup alone? */
export function goByName(rules: readonly Rule[]): boolean {
  return rules.some(({ match }) => match.namespace ?? match.pod ?? match.container);
}

const compiled = new WeakMap<Config, SettingsMatcher>();

/** The settings that hold for a cgroup: those of the first rule that matches, over the general ones. */
export function settingsFor(config: Config, facts: RuleFacts): GuardSettings {
  let matcher = compiled.get(config);
  if (matcher === undefined) {
    matcher = compileRules(config);
    compiled.set(config, matcher);
  }
  return matcher.settingsFor(facts);
}
