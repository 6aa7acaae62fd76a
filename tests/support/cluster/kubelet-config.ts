import { writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-port.ts";
import type { Certificate } from "./pki.ts";

export interface KubeletOptions {
  readonly program: string;
  readonly directory: string;
  readonly nodeName: string;
  readonly kubeconfig: string;
  /** Flags that say what runs containers. */
  readonly runtime: Readonly<Record<string, string>>;
  readonly cgroupRoot: string;
  readonly serving: Certificate;
  /** Where manifests of static pods are. */
  readonly manifests: string;
  /** Settings beside those that all tests have. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** Writes kubelet's configuration file. @returns its command line */
export function kubeletArgv(options: KubeletOptions): string[] {
  const { program, directory, nodeName, kubeconfig, runtime, cgroupRoot, serving, manifests } = options;
  const config = {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    address: "127.0.0.1",
    port: freePort(),
    readOnlyPort: 0,
    healthzPort: 0,
    tlsCertFile: serving.cert,
    tlsPrivateKeyFile: serving.key,
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: "AlwaysAllow" },
    cgroupDriver: "cgroupfs",
    cgroupRoot,
    failSwapOn: false,
    // Tests may run where nothing can lower an oom_score_adj.
    oomScoreAdj: 0,
    // A busy disk would make it throw out pods and images.
    evictionHard: {},
    imageGCHighThresholdPercent: 100,
    makeIPTablesUtilChains: false,
    resolvConf: "",
    volumePluginDir: join(directory, "volume-plugins"),
    featureGates: { DevicePlugins: false },
    staticPodPath: manifests,
    syncFrequency: "1s",
    nodeStatusUpdateFrequency: "1s",
    nodeStatusReportFrequency: "5s",
    ...options.settings,
  };
  const configFile = join(directory, "kubelet.json");
  writeFileSync(configFile, JSON.stringify(config));
  const flags = {
    config: configFile,
    kubeconfig,
    ...runtime,
    "hostname-override": nodeName,
    "root-dir": join(directory, "kubelet"),
    "cert-dir": join(directory, "kubelet-pki"),
    ...nodeIp(),
  };
  return [program, ...Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)];
}

/** Told none, it asks DNS for the node's name. It refuses a loopback address. */
function nodeIp(): { "node-ip"?: string } {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  const own = addresses.find(({ family, internal }) => family === "IPv4" && !internal);
  return own === undefined ? {} : { "node-ip": own.address };
}
