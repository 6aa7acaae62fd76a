import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PAUSE_IMAGE } from "./image.ts";

/** containerd's CRI plugin for pods that are all on the host's network. @returns its configuration */
export function criConfig(directory: string): string {
  const networks = join(directory, "cni");
  mkdirSync(networks);
  // No pod uses it, and without one the node is not Ready.
  const network = { cniVersion: "0.4.0", name: "none", plugins: [{ type: "loopback" }] };
  writeFileSync(join(networks, "none.conflist"), JSON.stringify(network));
  return `[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${networks}"
    conf_dir = "${networks}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
`;
}
