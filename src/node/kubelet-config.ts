import * as v from "valibot";
import { MEMORY_AVAILABLE } from "./eviction-threshold.ts";

const Settings = v.object({
  evictionHard: v.nullish(v.record(v.string(), v.string()), null),
  mergeDefaultEvictionSettings: v.nullish(v.boolean(), null),
  enforceNodeAllocatable: v.nullish(v.array(v.string()), null),
});

/** What is taken of a KubeletConfiguration (kubelet.config.k8s.io/v1beta1); null where it does not say. */
export type KubeletConfig = v.InferOutput<typeof Settings>;

/** What holds when kubelet has read them all. */
export interface KubeletSettings {
  /** By signal. */
  readonly evictionHard: Readonly<Record<string, string>>;
  readonly enforceNodeAllocatable: readonly string[];
}

/** Linux's, since Kubernetes 1.5 (DefaultEvictionHard, pkg/kubelet/eviction/defaults_linux.go). */
const DEFAULT_EVICTION_HARD = { [MEMORY_AVAILABLE]: "100Mi" };
/** SetDefaults_KubeletConfiguration(), pkg/kubelet/apis/config/v1beta1/defaults.go. */
const DEFAULT_ENFORCED = ["pods"];

const KubeletConfiguration = v.object({ kind: v.literal("KubeletConfiguration"), ...Settings.entries });

/** Reads a configuration file of kubelet's, YAML or JSON; null if it is none. */
export function parseKubeletConfig(text: string): KubeletConfig | null {
  let value: unknown;
  try {
    value = Bun.YAML.parse(text);
  } catch {
    return null;
  }
  const result = v.safeParse(KubeletConfiguration, value);
  if (!result.success) return null;
  const { kind: _, ...settings } = result.output;
  return settings;
}

/**
 * The file, its defaults, and the drop-ins of `--config-dir` over them, where maps are merged. Thresholds given at all
 * replace the default ones, that for memory too, unless mergeDefaultEvictionSettings says otherwise.
 */
export function settleKubeletConfig(
  file: KubeletConfig | null,
  dropIns: readonly KubeletConfig[],
): KubeletSettings {
  const configs = file === null ? dropIns : [file, ...dropIns];
  const last = <K extends keyof KubeletConfig>(key: K) =>
    configs.findLast((config) => config[key] !== null)?.[key] ?? null;
  const evictionHard: Record<string, string> = {
    ...(last("mergeDefaultEvictionSettings") === true ? DEFAULT_EVICTION_HARD : {}),
    ...(file?.evictionHard ?? DEFAULT_EVICTION_HARD),
  };
  for (const dropIn of dropIns) Object.assign(evictionHard, dropIn.evictionHard);
  return { evictionHard, enforceNodeAllocatable: last("enforceNodeAllocatable") ?? DEFAULT_ENFORCED };
}
