/** What tests look at in the API server's answers. */
export interface Pod {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly status: {
    readonly phase?: string;
    readonly qosClass?: string;
    readonly containerStatuses?: readonly ContainerStatus[];
  };
}

export interface ContainerStatus {
  readonly name: string;
  /** `containerd://ID` */
  readonly containerID?: string;
  readonly ready: boolean;
  readonly restartCount: number;
  readonly state?: ContainerState;
  readonly lastState?: ContainerState;
}

export interface ContainerState {
  readonly running?: { readonly startedAt: string };
  readonly waiting?: { readonly reason: string };
  readonly terminated?: {
    readonly exitCode: number;
    readonly reason?: string;
    readonly containerID?: string;
  };
}

export interface Event {
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly involvedObject: {
    readonly kind: string;
    readonly namespace?: string;
    readonly name: string;
    readonly uid?: string;
    readonly fieldPath?: string;
  };
  readonly reason: string;
  readonly message: string;
  readonly type: string;
  readonly count?: number;
  readonly firstTimestamp: string | null;
  readonly lastTimestamp: string | null;
  readonly source: { readonly component?: string; readonly host?: string };
  readonly reportingComponent: string;
  readonly reportingInstance: string;
}

/** Kubernetes quantities, as in a manifest: `{ memory: "64Mi" }`. */
export type Resources = Readonly<Partial<Record<"memory" | "cpu", string>>>;

export interface ContainerRequest {
  readonly name: string;
  readonly args?: readonly string[];
  readonly requests?: Resources;
  readonly limits?: Resources;
}

export interface PodRequest {
  readonly name: string;
  /** `default` unless given. */
  readonly namespace?: string;
  readonly nodeName: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly containers: readonly ContainerRequest[];
  readonly initContainers?: readonly ContainerRequest[];
  /** Kubernetes': `Always` unless given. */
  readonly restartPolicy?: "Always" | "OnFailure" | "Never";
  /** Directories of the host by where every container finds them. */
  readonly hostPaths?: Readonly<Record<string, string>>;
  /** Where every container finds a directory that they share, in memory. */
  readonly memoryPath?: string;
}

/** The manifest of a pod that is bound to a node from the start, so that it needs no scheduler. */
export function podManifest(image: string, request: PodRequest): object {
  const { name, namespace = "default", nodeName, labels = {}, restartPolicy = "Always" } = request;
  const volumes = [
    ...Object.entries(request.hostPaths ?? {}).map(([mountPath, path]) => [
      mountPath,
      { hostPath: { path } },
    ]),
    ...(request.memoryPath === undefined ? [] : [[request.memoryPath, { emptyDir: { medium: "Memory" } }]]),
  ] as [string, object][];
  const container = ({ name, args = [], requests = {}, limits = {} }: ContainerRequest) => ({
    name,
    image,
    imagePullPolicy: "Never",
    args,
    resources: { requests, limits },
    volumeMounts: volumes.map(([mountPath], index) => ({ name: `volume-${index}`, mountPath })),
  });
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, labels },
    spec: {
      nodeName,
      restartPolicy,
      // No network of its own: that spares the machine a bridge, and memory does not care.
      hostNetwork: true,
      // No service account is needed in the namespace then.
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 1,
      containers: request.containers.map(container),
      initContainers: (request.initContainers ?? []).map(container),
      volumes: volumes.map(([, source], index) => ({ name: `volume-${index}`, ...source })),
    },
  };
}
