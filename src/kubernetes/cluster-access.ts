import { hostname } from "node:os";
import type { Config } from "../config/config.ts";
import { type AccessResult, findAccess } from "./find-access.ts";
import { findNodeName } from "./node-name.ts";

/** The way to the API server that the configuration names; it may name another one later. */
export class ClusterAccess {
  readonly #env: Readonly<Record<string, string | undefined>>;
  #settings: Config["kubernetes"];

  constructor(settings: Config["kubernetes"], env: Readonly<Record<string, string | undefined>>) {
    this.#settings = settings;
    this.#env = env;
  }

  /** @returns whether that changes anything */
  configure(settings: Config["kubernetes"]): boolean {
    const before = this.#settings;
    this.#settings = settings;
    return before.kubeconfig !== settings.kubeconfig || before.nodeName !== settings.nodeName;
  }

  get isOff(): boolean {
    return this.#settings.kubeconfig === "off";
  }

  /** Whether $KUBECONFIG says where to look, and not in a pod: whatever has another environment looks elsewhere. */
  get isFromShell(): boolean {
    const { KUBECONFIG, KUBERNETES_SERVICE_HOST } = this.#env;
    return this.#settings.kubeconfig === "auto" && Boolean(KUBECONFIG) && !KUBERNETES_SERVICE_HOST;
  }

  /** Where the server is and what opens it, as it is on disk now. */
  read(): AccessResult {
    return findAccess({ kubeconfig: this.#settings.kubeconfig, env: this.#env });
  }

  /** The name of this node in the cluster. */
  nodeName(): string {
    const access = this.read();
    return findNodeName({
      nodeName: this.#settings.nodeName,
      commonName: access.ok ? access.value.commonName : null,
      env: this.#env,
      hostname: hostname(),
    });
  }
}
