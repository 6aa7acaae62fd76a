/** An Event of core/v1 about a Pod, with the fields oom-guard sets. @see https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/ */
export interface CoreEvent {
  readonly apiVersion: "v1";
  readonly kind: "Event";
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly involvedObject: {
    readonly apiVersion: "v1";
    readonly kind: "Pod";
    readonly namespace: string;
    readonly name: string;
    /** `kubectl describe pod` lists only Events that carry the pod's uid. */
    readonly uid: string;
    /** `spec.containers{NAME}`; absent where the whole pod is meant. */
    readonly fieldPath?: string;
  };
  readonly reason: string;
  /** At most 1024 characters. */
  readonly message: string;
  readonly type: "Warning";
  readonly source: { readonly component: "oom-guard"; readonly host: string };
  readonly reportingComponent: "oom-guard";
  readonly reportingInstance: string;
  /** RFC 3339, whole seconds. */
  readonly firstTimestamp: string;
  readonly lastTimestamp: string;
  readonly count: number;
}

/** What changes in an Event when the same thing happens again: all of it absolute, so that sending it twice does no harm. */
export type EventUpdate = Pick<CoreEvent, "message" | "count" | "lastTimestamp">;
