import * as v from "valibot";
import {
  absolutePath,
  cacheFloor,
  cgroupRoot,
  duration,
  glob,
  listenAddress,
  listOf,
  matching,
  oneOf,
  ratio,
  ratioText,
  size,
  table,
} from "./values.ts";

const policy = oneOf("process", "container", "noop");
const kernelOom = oneOf("allow", "hold");
const logFormat = oneOf("auto", "text", "json", "journal");
const logLevel = oneOf("error", "warn", "info", "debug");
const stateDir = absolutePath('must be an absolute path without "..", and not "/"', {
  only: (path) => !/^\/+$/.test(path),
});
const cgroupMount = absolutePath('must be "auto" or an absolute path without ".."', { words: ["auto"] });
const kubeconfig = absolutePath('must be "auto", "off" or an absolute path without ".."', {
  words: ["auto", "off"],
});
// node_exporter reads only files of that name.
const textfile = absolutePath('must be "off" or an absolute path without "..", ending in ".prom"', {
  words: ["off"],
  only: (path) => path.endsWith(".prom"),
});
const cgroupRoots = listOf(cgroupRoot, "globs", 1);

const socket = matching(/^\/[^\0]{1,106}$/, "must be an absolute path of at most 107 bytes, without unix://");
const containerdNamespace = matching(/^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$/, "must be a containerd namespace");
const nodeName = matching(
  /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/,
  'must be "auto" or the name of a node object: lower-case letters, digits, "-" and "."',
);

const rule = v.pipe(
  table(
    {
      namespace: v.exactOptional(glob),
      pod: v.exactOptional(glob),
      container: v.exactOptional(glob),
      cgroup: v.exactOptional(glob),
      policy: v.exactOptional(policy),
      margin_ratio: v.exactOptional(ratio),
      min_margin: v.exactOptional(size),
      max_margin: v.exactOptional(size),
      cache_floor: v.exactOptional(cacheFloor),
      kernel_oom: v.exactOptional(kernelOom),
    },
    "must be a table",
  ),
  v.check(
    ({ namespace, pod, container, cgroup }) =>
      [namespace, pod, container, cgroup].some((it) => it !== undefined),
    "must match on something: namespace, pod, container or cgroup",
  ),
  v.check(
    ({ namespace: _n, pod: _p, container: _c, cgroup: _g, ...set }) => Object.keys(set).length > 0,
    "must set something: policy, margin_ratio, min_margin, max_margin, cache_floor or kernel_oom",
  ),
);

/** The configuration file. Sizes come out in bytes, times in milliseconds; absent keys stay absent. */
export const fileSchema = table(
  {
    policy: v.exactOptional(policy),
    margin_ratio: v.exactOptional(ratio),
    min_margin: v.exactOptional(size),
    max_margin: v.exactOptional(size),
    cache_floor: v.exactOptional(cacheFloor),
    cgroup_mount: v.exactOptional(cgroupMount),
    cgroup_roots: v.exactOptional(cgroupRoots),
    state_dir: v.exactOptional(stateDir),
    log_format: v.exactOptional(logFormat),
    log_level: v.exactOptional(logLevel),
    // Faster, and the resync itself becomes the load; slower, and what inotify lost stays unwatched for hours.
    resync: v.exactOptional(duration("500ms", "1h")),
    kernel_oom: v.exactOptional(kernelOom),
    reclaim: v.exactOptional(
      table(
        {
          mode: v.exactOptional(oneOf("auto", "always", "never")),
          cooldown: v.exactOptional(duration("100ms", "1h")),
        },
        "must be a table, [reclaim]",
      ),
    ),
    v2: v.exactOptional(table({ high: v.exactOptional(oneOf("auto", "off")) }, "must be a table, [v2]")),
    runtime: v.exactOptional(
      table(
        {
          sockets: v.exactOptional(listOf(socket, "socket paths", 0)),
          namespaces: v.exactOptional(listOf(containerdNamespace, "containerd namespaces", 1)),
        },
        "must be a table, [runtime]",
      ),
    ),
    kubernetes: v.exactOptional(
      table(
        {
          kubeconfig: v.exactOptional(kubeconfig),
          node_name: v.exactOptional(nodeName),
        },
        "must be a table, [kubernetes]",
      ),
    ),
    metrics: v.exactOptional(
      table(
        {
          listen: v.exactOptional(listenAddress),
          textfile: v.exactOptional(textfile),
        },
        "must be a table, [metrics]",
      ),
    ),
    rule: v.exactOptional(v.array(rule, "must be written with double brackets, [[rule]]")),
  },
  "must be a table",
);

/** The settings that flags may replace, as the flags give them: text. */
export const flagSchema = v.object({
  policy: v.exactOptional(policy),
  margin_ratio: v.exactOptional(ratioText),
  min_margin: v.exactOptional(size),
  max_margin: v.exactOptional(size),
  cgroup_roots: v.exactOptional(cgroupRoots),
  state_dir: v.exactOptional(stateDir),
  log_format: v.exactOptional(logFormat),
  log_level: v.exactOptional(logLevel),
});

/** What a valid file says. */
export type FileSettings = v.InferOutput<typeof fileSchema>;
/** What valid flags say. */
export type FlagSettings = v.InferOutput<typeof flagSchema>;
/** What the command line says, not looked at yet; keys as in the file. */
export type FlagTexts = {
  readonly [K in keyof FlagSettings]: K extends "cgroup_roots" ? readonly string[] : string;
};

/** The keys of every table of the file: "" is the top level, "rule" each [[rule]]. */
export const knownKeys: ReadonlyMap<string, readonly string[]> = new Map([
  ["", Object.keys(entriesOf(fileSchema))],
  ...["reclaim", "v2", "runtime", "kubernetes", "metrics"].map(tableKeys),
  ["rule", Object.keys(entriesOf(rule.pipe[0]))],
]);

function tableKeys(name: string): [string, string[]] {
  const entry = entriesOf(fileSchema)[name as "reclaim"];
  return [name, Object.keys(entriesOf(entry.wrapped))];
}

function entriesOf<T extends v.ObjectEntries>(schema: { pipe: readonly [unknown, { entries: T }] }): T {
  return schema.pipe[1].entries;
}
