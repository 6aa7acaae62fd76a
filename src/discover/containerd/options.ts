import type { ContainerNames } from "../container-names.ts";
import type { CallTimeouts } from "./connection.ts";
import type { ContainerdError } from "./error.ts";
import type { ProcView } from "./read-names.ts";

/** What one runtime's names are followed with. */
export interface ContainerdSourceOptions extends ProcView {
  readonly socket: string;
  /** containerd's namespaces to follow; not Kubernetes'. */
  readonly namespaces: readonly string[];
  /** Where the names go. */
  readonly names: ContainerNames;
  readonly callbacks?: ContainerdCallbacks;
  readonly timing?: Partial<ContainerdTiming>;
}

/** None of them is called after `stop()` has resolved. They must not throw. */
export interface ContainerdCallbacks {
  /** Once per outage, however many attempts fail after it; also when the socket is absent from the start. */
  onOutage?(error: ContainerdError): void;
  /** Once per reported outage, when the names are complete again. */
  onRecovered?(outageMs: number): void;
  /** The runtime has more containers in this namespace than are kept. Once until they fit again. */
  onTruncated?(runtimeNamespace: string, rejected: number): void;
}

/** Milliseconds. */
export interface ContainerdTiming extends CallTimeouts {
  /** The longest wait between two attempts to connect. */
  readonly backoffCapMs: number;
  /** When to list once more after the first list of a connection. */
  readonly settleMs: number;
}

export const DEFAULT_TIMING: ContainerdTiming = {
  listMs: 15_000,
  getMs: 5_000,
  backoffCapMs: 5_000,
  settleMs: 1_000,
};
