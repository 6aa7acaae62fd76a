import { readCgroupPath } from "../../proc/cgroup-path.ts";
import { classify } from "../classify.ts";
import type { ContainerName } from "../container-name.ts";
import { cgroupsPathOfSpec } from "./cgroups-path.ts";
import type { ContainerdConnection } from "./connection.ts";
import type { Container } from "./gen/containers_pb.ts";
import { type Process, Status } from "./gen/task_pb.ts";
import { readLabels } from "./labels.ts";
import { locateCgroup } from "./locate.ts";
import { isPauseSpec } from "./pause-spec.ts";

/** containerd's own rule allows 76 characters of these. */
const CONTAINER_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Where processes are looked up, and in which hierarchy their memory cgroup is. */
export interface ProcView {
  readonly procRoot: string;
  readonly hierarchy: 1 | 2;
}

/**
 * Whether a container's task runs. `unknown`: it may, and its cgroup can be had from the spec only (containerd
 * did not get an answer out of the shim in time).
 */
export type TaskState = { readonly pid: number } | "unknown" | "none";

/** All containers of one runtime namespace, with the cgroups of those that run. Throws what the calls throw. */
export async function readNames(
  connection: ContainerdConnection,
  runtimeNamespace: string,
  proc: ProcView,
): Promise<ContainerName[]> {
  await connection.ping(runtimeNamespace);
  const tasks = await connection.tasks(runtimeNamespace);
  const names: ContainerName[] = [];
  for await (const container of connection.containers(runtimeNamespace)) {
    const task = tasks === null ? "unknown" : taskState(tasks.get(container.id));
    const name = toName(container, runtimeNamespace, task, proc);
    if (name !== null) names.push(name);
  }
  return names;
}

/** Makes a name of containerd's answer; null when the id is not one that containerd could have given. */
export function toName(
  container: Container,
  runtimeNamespace: string,
  task: TaskState,
  proc: ProcView,
): ContainerName | null {
  if (!CONTAINER_ID.test(container.id)) return null;
  const initPid = typeof task === "object" ? task.pid : null;
  const cgroup = task === "none" ? null : cgroupOf(container, initPid, proc);
  const labels = readLabels(container.labels);
  return {
    containerId: container.id,
    runtimeNamespace,
    cgroup,
    initPid,
    ...labels,
    sandbox: labels.sandbox ?? (labels.container === null && isBarePause(container, cgroup) ? true : null),
  };
}

/** Docker's containers carry no labels of Kubernetes in containerd: their sandbox shows by what it runs in a pod. */
function isBarePause({ spec }: Container, cgroup: string | null): boolean {
  if (spec === undefined || cgroup === null) return false;
  const { kind, podUid } = classify(cgroup);
  return kind === "container" && podUid !== null && isPauseSpec(spec.value);
}

function taskState(task: Process | undefined): TaskState {
  if (task === undefined || task.status === Status.STOPPED) return "none";
  return task.pid > 0 ? { pid: task.pid } : "unknown";
}

function cgroupOf(container: Container, pid: number | null, proc: ProcView): string | null {
  const processPath = pid === null ? null : readCgroupPath(proc.procRoot, pid, proc.hierarchy);
  return locateCgroup(container.id, processPath, () =>
    container.spec === undefined ? null : cgroupsPathOfSpec(container.spec.value),
  );
}
