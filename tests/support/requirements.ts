import { accessSync, appendFileSync, constants } from "node:fs";

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
    accessSync("/sys/fs/cgroup/memory/memory.usage_in_bytes", constants.R_OK);
    accessSync("/sys/fs/cgroup/memory", constants.W_OK);
    return null;
  } catch {
    return "tests on real cgroups need a cgroup v1 memory hierarchy at /sys/fs/cgroup/memory: boot with systemd.unified_cgroup_hierarchy=0";
  }
}

/** The given programs, by the Debian packages that bring them. */
function programs(names: readonly string[], packages: string): Missing {
  const absent = names.filter((name) => Bun.which(name) === null);
  return absent.length === 0 ? null : `${absent.join(", ")} not found: apt-get install -y ${packages}`;
}

/** A cgroup v1 memory hierarchy to make cgroups in. */
export function missingMemoryCgroup(): Missing {
  return say(rootAndMemoryCgroup());
}

/** That, and a C compiler for the leaking program. */
export function missingLeak(): Missing {
  return say(rootAndMemoryCgroup() ?? programs(["gcc"], "gcc libc6-dev"));
}

/** That, and what runs real containers. */
export function missingContainerd(): Missing {
  return say(
    rootAndMemoryCgroup() ??
      programs(["containerd", "ctr", "runc", "busybox"], "containerd runc busybox-static") ??
      programs(["gcc"], "gcc libc6-dev"),
  );
}
