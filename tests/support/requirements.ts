import { accessSync, appendFileSync, constants, existsSync } from "node:fs";
import { kubernetesFolder } from "./cluster/kubernetes-folder.ts";
import { hierarchy } from "./hierarchy.ts";
import { JOURNALD } from "./journald.ts";

/** Why a test cannot run here and what would help, on one line; null: it can. */
export type Missing = string | null;

function say(reason: Missing): Missing {
  const file = process.env.OOM_GUARD_TEST_SKIPS_LOG;
  if (reason !== null && file !== undefined) appendFileSync(file, `${reason}\n`);
  return reason;
}

function rootAndMemoryCgroup(): Missing {
  if (process.getuid?.() !== 0) return "tests on real cgroups need root: sudo npm test";
  try {
    accessSync(`${hierarchy.mount}/memory.stat`, constants.R_OK);
    accessSync(hierarchy.mount, constants.W_OK);
    return null;
  } catch {
    return `tests on real cgroups need a memory controller at ${hierarchy.mount}, and to write there`;
  }
}

/** The given programs, by the Debian packages that bring them. */
function programs(names: readonly string[], packages: string): Missing {
  const absent = names.filter((name) => Bun.which(name) === null);
  return absent.length === 0 ? null : `${absent.join(", ")} not found: apt-get install -y ${packages}`;
}

function containers(): Missing {
  return (
    rootAndMemoryCgroup() ??
    programs(["containerd", "ctr", "runc", "busybox"], "containerd runc busybox-static") ??
    programs(["gcc"], "gcc libc6-dev")
  );
}

function apiServer(): Missing {
  const absent = programs(["etcd", "kubectl", "openssl"], "etcd-server kubernetes-client openssl");
  if (absent !== null || kubernetesFolder() !== null) return absent;
  return "kube-apiserver and kubelet are not built: run tests/components/build-kubernetes";
}

/** A memory hierarchy to make cgroups in. */
export function missingMemoryCgroup(): Missing {
  return say(rootAndMemoryCgroup());
}

/** That, and a C compiler for the leaking program. */
export function missingLeak(): Missing {
  return say(rootAndMemoryCgroup() ?? programs(["gcc"], "gcc libc6-dev"));
}

/** Prometheus' own check of metrics and rules. */
export function missingPromtool(): Missing {
  return say(programs(["promtool"], "prometheus"));
}

/** A real Prometheus, and leaks to tell it of. */
export function missingPrometheus(): Missing {
  return say(
    rootAndMemoryCgroup() ?? programs(["gcc"], "gcc libc6-dev") ?? programs(["prometheus"], "prometheus"),
  );
}

/** That, and a journald that is nobody else's. */
export function missingJournald(): Missing {
  return say(
    rootAndMemoryCgroup() ??
      programs(["gcc", "journalctl", "systemd-cat", "nsenter"], "gcc libc6-dev systemd util-linux") ??
      (existsSync(JOURNALD) ? null : `${JOURNALD} not found: apt-get install -y systemd`),
  );
}

/** That, and what runs real containers. */
export function missingContainerd(): Missing {
  return say(containers());
}

/** A real API server. */
export function missingApiServer(): Missing {
  return say(apiServer());
}

/** That, and a real node of it. */
export function missingNode(): Missing {
  return say(containers() ?? apiServer());
}

/** Containers run by a real Docker. */
export function missingDocker(): Missing {
  return say(containers() ?? programs(["dockerd", "docker"], "docker.io"));
}
