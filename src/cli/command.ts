import { assetNames } from "./assets.ts";
import { commandFlags, type Flag } from "./flags.ts";
import type { Handler } from "./handler.ts";

/** One command, as the parser and `--help` know it. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  /** The one argument it needs, if any, and what may stand there. */
  readonly argument?: { readonly name: string; readonly hint: string };
  readonly flags: readonly Flag[];
  /** Loads the code. Each command is imported when it is asked for, so that `version` does not pay for `run`. */
  load(): Promise<Handler>;
}

/** Every command there is, in the order of `--help`. */
export const commands: readonly Command[] = [
  {
    name: "run",
    summary: "guard this node, in the foreground",
    flags: commandFlags.run,
    load: async () => (await import("./run.ts")).run,
  },
  {
    name: "scan",
    summary: "every limited cgroup once: how close to its limit, and who would die",
    flags: commandFlags.scan,
    load: async () => (await import("./scan.ts")).scan,
  },
  {
    name: "history",
    summary: "what was killed, and why, newest first",
    flags: commandFlags.history,
    load: async () => (await import("./history.ts")).history,
  },
  {
    name: "explain",
    summary: "whom the kernel would kill in a container, whom oom-guard would, and why",
    argument: { name: "TARGET", hint: "a pid, container id, namespace/pod[/container] or cgroup path" },
    flags: commandFlags.explain,
    load: async () => (await import("./explain.ts")).explain,
  },
  {
    name: "doctor",
    summary: "can it work here? one line per check, with the fix",
    flags: commandFlags.doctor,
    load: async () => (await import("./doctor.ts")).doctor,
  },
  {
    name: "release",
    summary: "give back what a guard that was killed has left in cgroups; its unit does so by itself",
    flags: commandFlags.release,
    load: async () => (await import("./release.ts")).release,
  },
  {
    name: "install",
    summary: "put this executable and its systemd unit in place; again: bring them up to date",
    flags: commandFlags.install,
    load: async () => (await import("./install.ts")).install,
  },
  {
    name: "uninstall",
    summary: "stop the guard and remove what install put in place",
    flags: commandFlags.uninstall,
    load: async () => (await import("./uninstall.ts")).uninstall,
  },
  {
    name: "print",
    summary: `print a file that oom-guard carries: ${assetNames}`,
    argument: { name: "ASSET", hint: assetNames },
    flags: commandFlags.print,
    load: async () => (await import("./print.ts")).print,
  },
  {
    name: "version",
    summary: "print the version",
    flags: commandFlags.version,
    load: async () => (await import("./version.ts")).version,
  },
];
