import type { Config } from "./config.ts";

const MIB = 2 ** 20;

/** What holds where neither file nor flags say otherwise. `sample.toml` shows the same to the user. */
export const defaults: Config = {
  policy: "container",
  marginRatio: 0.02,
  minMarginBytes: MIB,
  maxMarginBytes: 50 * MIB,
  cacheFloor: "margin",
  cgroupMount: "auto",
  cgroupRoots: ["/kubepods", "/kubepods.slice", "/docker", "/system.slice/docker-*.scope"],
  stateDir: "/var/lib/oom-guard",
  logFormat: "auto",
  logLevel: "info",
  resyncMs: 30_000,
  kernelOom: "allow",
  reclaim: { mode: "auto", cooldownMs: 10_000 },
  v2: { high: "auto" },
  runtime: {
    sockets: ["/run/containerd/containerd.sock", "/run/docker/containerd/docker-containerd.sock"],
    namespaces: ["k8s.io", "moby"],
  },
  kubernetes: { kubeconfig: "auto", nodeName: "auto" },
  metrics: { listen: "off", textfile: "off" },
  rules: [],
};
