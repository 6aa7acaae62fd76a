/** What kubelet's command line tells of its memory settings; null where it does not say. */
export interface KubeletArguments {
  readonly config: string | null;
  readonly configDir: string | null;
  /** By signal; beats the one of the configuration file as a whole. */
  readonly evictionHard: Readonly<Record<string, string>> | null;
  /** Beats the one of the configuration file. */
  readonly enforceNodeAllocatable: readonly string[] | null;
}

/** Reads kubelet's command line. @param args without the program's own name */
export function parseKubeletArguments(args: readonly string[]): KubeletArguments {
  const values = (name: string) => valuesOf(args, name);
  const evictionHard = values("eviction-hard");
  const enforced = values("enforce-node-allocatable");
  return {
    config: values("config").at(-1) || null,
    configDir: values("config-dir").at(-1) || null,
    // A flag that is given again adds to it, in both (k8s.io/component-base/cli/flag, pflag's string slices).
    evictionHard: evictionHard.length === 0 ? null : parseStatements(evictionHard.join(",")),
    enforceNodeAllocatable: enforced.length === 0 ? null : enforced.join(",").split(","),
  };
}

/** Of `--name=value` and `--name value`; kubelet takes an underscore for a dash. */
function valuesOf(args: readonly string[], name: string): string[] {
  return args.flatMap((arg, at) => {
    const [flag, ...rest] = arg.split("=");
    if (flag?.replaceAll("_", "-") !== `--${name}`) return [];
    return rest.length > 0 ? [rest.join("=")] : args.slice(at + 1, at + 2);
  });
}

/** `memory.available<100Mi,nodefs.available<10%`. */
function parseStatements(text: string): Record<string, string> {
  const statements = text.split(",").map((statement) => statement.split("<").map((part) => part.trim()));
  return Object.fromEntries(
    statements.flatMap(([signal, value]) => (value === undefined ? [] : [[signal, value]])),
  );
}
