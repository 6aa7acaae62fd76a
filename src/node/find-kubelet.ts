import { readdirSync } from "node:fs";
import { readSmallFile } from "../config/read-file.ts";
import { OpenProcess } from "../proc/process.ts";
import { parseKubeletArguments } from "./kubelet-arguments.ts";
import { type KubeletConfig, parseKubeletConfig, settleKubeletConfig } from "./kubelet-config.ts";
import { type KubeletAnswer, kubeletMemory } from "./kubelet-memory.ts";

const LARGEST_BYTES = 1024 * 1024;

/**
 * What the kubelet that runs here does about the node's memory. Its own command line says which configuration it has: it
 * has no default file, and one that lies about may be another's. Several (nodes in containers) are believed if they agree.
 */
export function findKubelet(procRoot: string, capacityBytes: number): KubeletAnswer {
  const answers = kubelets(procRoot).map((pid) => readKubelet(procRoot, pid, capacityBytes));
  const [first, ...others] = answers;
  // k3s and its like have kubelet inside of a process of another name: nobody can tell what that one was started with.
  if (first === undefined) return { ok: false, why: "no kubelet runs here" };
  return others.every((other) => Bun.deepEquals(other, first))
    ? first
    : { ok: false, why: "several kubelets run here and differ" };
}

/** The same of one process. Paths are those of its root and its directory. */
export function readKubelet(procRoot: string, pid: number, capacityBytes: number): KubeletAnswer {
  const process = `${procRoot}/${pid}`;
  const args = parseKubeletArguments(textOf(`${process}/cmdline`)?.split("\0").slice(1, -1) ?? []);
  const inside = (path: string) =>
    path.startsWith("/") ? `${process}/root${path}` : `${process}/cwd/${path}`;
  const file = args.config === null ? null : configAt(inside(args.config));
  const dropIns = args.configDir === null ? [] : dropInsAt(inside(args.configDir));
  const known = dropIns.filter((config) => config !== null);
  if ((file === null && args.config !== null) || known.length < dropIns.length) {
    return { ok: false, why: "kubelet's configuration cannot be read" };
  }
  return kubeletMemory(args, settleKubeletConfig(file, known), capacityBytes);
}

function kubelets(procRoot: string): number[] {
  return (
    entries(procRoot)
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => nameOf(procRoot, Number(pid)) === "kubelet")
      // A pod may call its process what it likes.
      .filter((pid) => !textOf(`${procRoot}/${pid}/cgroup`)?.includes("/kubepods"))
      .map(Number)
  );
}

function nameOf(procRoot: string, pid: number): string | null {
  const open = OpenProcess.open(procRoot, pid);
  const comm = open?.comm() ?? null;
  open?.close();
  return comm;
}

/** In the order of their names (mergeKubeletConfigurations(), cmd/kubelet/app/server.go). */
function dropInsAt(directory: string): (KubeletConfig | null)[] {
  return entries(directory)
    .filter((name) => name.endsWith(".conf"))
    .sort()
    .map((name) => configAt(`${directory}/${name}`));
}

function configAt(path: string): KubeletConfig | null {
  const text = textOf(path);
  return text === null ? null : parseKubeletConfig(text);
}

function textOf(path: string): string | null {
  const text = readSmallFile(path, LARGEST_BYTES);
  return text !== "absent" && text.ok ? text.value : null;
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
