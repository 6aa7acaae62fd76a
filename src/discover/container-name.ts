/**
 * What a container runtime tells about one container. Every field it does not tell is null.
 * Strings are validated (form and length) where they come in; print them escaped all the same.
 */
export interface ContainerName {
  readonly containerId: string;
  /** The runtime's own namespace: `k8s.io`, `moby`. Not the Kubernetes namespace. */
  readonly runtimeNamespace: string;
  /** Memory cgroup relative to the mount, e.g. "/kubepods/burstable/podUID/ID"; null when no task runs. */
  readonly cgroup: string | null;
  /** The task's first process, in the host's pid namespace; null when no task runs, or the runtime cannot say. */
  readonly initPid: number | null;
  readonly namespace: string | null;
  readonly pod: string | null;
  readonly podUid: string | null;
  readonly container: string | null;
  /** true: the pod's pause container; false: a container of a pod; null: not said (not from Kubernetes). */
  readonly sandbox: boolean | null;
}
