import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Daemon } from "../daemon.ts";
import { startEtcd } from "./etcd.ts";
import { freePort } from "./free-port.ts";
import { type KubeconfigOptions, type User, writeKubeconfig } from "./kubeconfig.ts";
import { kubernetesFolder } from "./kubernetes-folder.ts";
import { type Event, type Pod, type PodRequest, podManifest } from "./objects.ts";
import { type Certificate, CertificateAuthority } from "./pki.ts";

const PATCH_TYPE = "application/merge-patch+json";

/** A kube-apiserver and its etcd, on loopback, with everything they keep below one temporary directory. */
export class TestApiServer {
  readonly directory = mkdtempSync(join(tmpdir(), "oom-guard-cluster-"));
  readonly authority = new CertificateAuthority(join(this.directory, "pki"));
  readonly url: string;
  readonly #port = freePort();
  readonly #server = this.authority.issue({ commonName: "kube-apiserver", server: true });
  readonly #admin = this.authority.issue({ commonName: "admin", organization: "system:masters" });
  readonly #adminKubeconfig: string;
  #etcd: { readonly daemon: Daemon; readonly url: string } | null = null;
  #apiServer: Daemon | null = null;

  private constructor() {
    this.url = `https://127.0.0.1:${this.#port}`;
    this.#adminKubeconfig = this.kubeconfig("admin", this.#admin);
  }

  /** Starts one and waits until it serves and has made the namespaces `default` and `kube-system`. */
  static async start(): Promise<TestApiServer> {
    const api = new TestApiServer();
    try {
      api.#etcd = await startEtcd(api.directory);
      await api.startServer();
    } catch (error) {
      await api.stop();
      throw error;
    }
    return api;
  }

  /** The authority's certificate, a file. */
  get ca(): string {
    return this.authority.cert;
  }

  /** Starts kube-apiserver, again after `stopServer()`: at the same port, with what etcd has kept. */
  async startServer(): Promise<void> {
    const { directory, authority } = this;
    const flags = {
      "etcd-servers": this.#etcd?.url,
      "bind-address": "127.0.0.1",
      "secure-port": this.#port,
      // Without, it looks for the interface of the default route, and without one it does not start.
      "advertise-address": "127.0.0.1",
      "endpoint-reconciler-type": "none",
      "authorization-mode": "Node,RBAC",
      "enable-admission-plugins": "NodeRestriction",
      // Pods could not be made before kube-controller-manager has made the namespace's service account.
      "disable-admission-plugins": "ServiceAccount",
      "client-ca-file": authority.cert,
      "tls-cert-file": this.#server.cert,
      "tls-private-key-file": this.#server.key,
      "cert-dir": directory,
      "service-account-issuer": "https://kubernetes.default.svc",
      "service-account-key-file": this.#server.cert,
      "service-account-signing-key-file": this.#server.key,
    };
    const argv = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
    const program = join(kubernetesFolder() ?? "", "kube-apiserver");
    this.#apiServer = new Daemon([program, ...argv], join(directory, "kube-apiserver.log"));
    const ok = async (path: string) => (await this.#fetch("GET", path).catch(() => null))?.ok === true;
    await this.#apiServer.ready(async () => {
      const paths = ["/readyz", "/api/v1/namespaces/default", "/api/v1/namespaces/kube-system"];
      return (await Promise.all(paths.map(ok))).every(Boolean);
    });
  }

  /** Ends kube-apiserver, with SIGKILL: its graceful end waits for watches. */
  async stopServer(): Promise<void> {
    await this.#apiServer?.end();
    this.#apiServer = null;
  }

  /** Connections are still accepted, and nothing answers. */
  async freeze(): Promise<void> {
    await this.#apiServer?.freeze();
  }

  thaw(): void {
    this.#apiServer?.thaw();
  }

  /** Ends everything and removes its directory. */
  async stop(): Promise<void> {
    await this.stopServer();
    await this.#etcd?.daemon.end();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** @param options another server (a proxy), another authority, everything embedded. @returns the file's path */
  kubeconfig(name: string, user: User, options: Partial<KubeconfigOptions> = {}): string {
    return writeKubeconfig(this.directory, name, { server: this.url, ca: this.ca, user, ...options });
  }

  /** The identity of a node's kubelet. */
  nodeUser(node: string): Certificate {
    return this.authority.issue({ commonName: `system:node:${node}`, organization: "system:nodes" });
  }

  /** Makes the service account if it is not there. @returns a token of it */
  async serviceAccountUser(
    namespace: string,
    name: string,
    lifetimeSeconds = 3600,
  ): Promise<{ token: string }> {
    const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
    const made = await this.#fetch("POST", accounts, { metadata: { name } });
    if (!made.ok && made.status !== 409) throw new Error(`service account ${name}: ${await made.text()}`);
    const { status } = await this.request<{ status: { token: string } }>(
      "POST",
      `${accounts}/${name}/token`,
      {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        spec: { expirationSeconds: lifetimeSeconds },
      },
    );
    return { token: status.token };
  }

  /** Runs kubectl as admin. Throws with its error text when it fails. */
  async kubectl(args: readonly string[], stdin = ""): Promise<string> {
    const cache = join(this.directory, "kubectl-cache");
    const child = Bun.spawn(
      ["kubectl", "--kubeconfig", this.#adminKubeconfig, "--cache-dir", cache, ...args],
      {
        stdin: new Blob([stdin]),
        stdout: "pipe",
        stderr: "pipe",
        env: { ...process.env, HOME: this.directory },
      },
    );
    const [stdout, stderr, code] = await Promise.all([
      child.stdout.text(),
      child.stderr.text(),
      child.exited,
    ]);
    if (code !== 0) throw new Error(`kubectl ${args.join(" ")}: ${stderr.trim()}`);
    return stdout;
  }

  /** kubectl's answer with `-o json`. */
  async json<T>(args: readonly string[], stdin?: string): Promise<T> {
    return JSON.parse(await this.kubectl([...args, "-o", "json"], stdin)) as T;
  }

  /** One request as admin. Throws with the server's words when it is refused. */
  async request<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await this.#fetch(method, path, body);
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text) as T;
  }

  /** A Node that no kubelet stands behind. */
  async createNode(name: string): Promise<void> {
    await this.request("POST", "/api/v1/nodes", { metadata: { name } });
  }

  async createNamespace(name: string): Promise<void> {
    await this.request("POST", "/api/v1/namespaces", { metadata: { name } });
  }

  async createPod(request: PodRequest, image = "none"): Promise<Pod> {
    const path = `/api/v1/namespaces/${request.namespace ?? "default"}/pods`;
    return this.request("POST", path, podManifest(image, request));
  }

  /** Deletes exactly this pod, not a later one of its name. `now`: without waiting for kubelet to have ended it. */
  async deletePod(
    { namespace, name, uid }: Pod["metadata"],
    how: "now" | "gracefully" = "now",
  ): Promise<void> {
    await this.request("DELETE", `/api/v1/namespaces/${namespace}/pods/${name}`, {
      apiVersion: "v1",
      kind: "DeleteOptions",
      preconditions: { uid },
      ...(how === "now" ? { gracePeriodSeconds: 0 } : {}),
    });
  }

  /** Says what kubelet would have, of a pod that none runs. */
  async patchPodStatus(namespace: string, name: string, status: Pod["status"]): Promise<Pod> {
    return this.request("PATCH", `/api/v1/namespaces/${namespace}/pods/${name}/status`, { status });
  }

  async pod(namespace: string, name: string): Promise<Pod> {
    return this.request("GET", `/api/v1/namespaces/${namespace}/pods/${name}`);
  }

  /** All events, or those of a namespace, with a reason. */
  async events(namespace?: string, reason?: string): Promise<Event[]> {
    const path = namespace === undefined ? "/api/v1/events" : `/api/v1/namespaces/${namespace}/events`;
    const { items } = await this.request<{ items: Event[] }>("GET", path);
    return items.filter((event) => reason === undefined || event.reason === reason);
  }

  #fetch(method: string, path: string, body?: object): Promise<Response> {
    const { cert, key } = this.#admin;
    return fetch(`${this.url}${path}`, {
      method,
      headers: { "content-type": method === "PATCH" ? PATCH_TYPE : "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      keepalive: false,
      tls: { ca: readFileSync(this.ca), cert: readFileSync(cert), key: readFileSync(key) },
    });
  }
}
