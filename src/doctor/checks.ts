import { hierarchyToLookAt } from "../cgroup/look-at.ts";
import type { Config } from "../config/config.ts";
import type { LoadResult } from "../config/load.ts";
import { whyNotHeld } from "../decide/why-not-held.ts";
import { locateMemory } from "../discover/locate-memory.ts";
import type { MemoryMount } from "../discover/mount.ts";
import { ApiClient } from "../kubernetes/client.ts";
import { ClusterAccess } from "../kubernetes/cluster-access.ts";
import { VOLATILE_DIR } from "../record/black-box.ts";
import { checkApiRights } from "./api-rights.ts";
import { checkApiServer } from "./api-server.ts";
import { checkBlackBox } from "./black-box.ts";
import { type Check, type Finding, skip } from "./check.ts";
import { checkConfiguration } from "./configuration.ts";
import { checkController, passesMemoryOn } from "./controller.ts";
import { checkDescriptors } from "./descriptors.ts";
import { type Guarded, lookAtGuarded } from "./guarded.ts";
import { checkHierarchy } from "./hierarchy.ts";
import { checkHugePages } from "./huge-pages.ts";
import { checkInotify } from "./inotify.ts";
import { checkKernel, type KernelFacts } from "./kernel.ts";
import { checkKernelOom } from "./kernel-oom.ts";
import { checkKmsg } from "./kmsg.ts";
import { checkMemoryHigh } from "./memory-high.ts";
import { checkMemoryLock } from "./memory-lock.ts";
import { checkOtherGuards } from "./other-guards.ts";
import { checkPanicOnOom } from "./panic-on-oom.ts";
import { checkReclaim } from "./reclaim.ts";
import { checkRoot } from "./root.ts";
import { checkRoots } from "./roots.ts";
import { checkRuntime } from "./runtime.ts";
import { checkScheduling } from "./scheduling.ts";
import { selfTest } from "./self-test.ts";
import { checkStateDir } from "./state-dir.ts";
import { checkSwap, readSwap } from "./swap.ts";

const API_MS = 2000;

/** Where doctor looks, and as whom. */
export interface Surroundings {
  /** What came of the configuration. */
  readonly loaded: LoadResult;
  /** The configuration that the checks go by: that one, or what stands in for it. */
  readonly config: Config;
  readonly kernel: KernelFacts;
  readonly uid: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Usually "/proc", "/sys", "/dev". */
  readonly procRoot: string;
  readonly sysRoot: string;
  readonly devRoot: string;
}

/** Every check, in the order they are done and shown. What several need is looked up once, by the first. */
export function checksFor(surroundings: Surroundings): Check[] {
  const { loaded, config, kernel, uid, env, procRoot, sysRoot, devRoot } = surroundings;
  const located = once(() => locateMemory(config.cgroupMount, procRoot));
  // A cgroup_mount that is wrong says nothing about the kernel.
  const controllerAt = () => (located().ok ? located() : locateMemory("auto", procRoot));
  const isHeld = ({ version }: MemoryMount) =>
    version === 2 && whyNotHeld(config.v2, kernel.release) === null;
  const guarded = once((): Guarded | null => {
    const memory = located();
    return memory.ok ? lookAtGuarded(hierarchyToLookAt(memory.mount), config, isHeld(memory.mount)) : null;
  });
  const inHierarchy = (use: (mount: MemoryMount) => Finding | Promise<Finding>) => () => {
    const memory = located();
    return memory.ok ? use(memory.mount) : skip("no memory hierarchy to look at");
  };
  /** What makes a cgroup. */
  const inScratch = (use: (mount: MemoryMount) => Finding | Promise<Finding>) =>
    inHierarchy((mount) => {
      if (uid !== 0) return skip("only root can try that");
      if (mount.version === 2 && !passesMemoryOn(mount.path))
        return skip("cgroups have no memory controller");
      return use(mount);
    });
  const access = new ClusterAccess(config.kubernetes, env);
  const client = new ApiClient({ access: () => access.read(), timeoutMs: API_MS });
  const { runtime, reclaim, stateDir, cgroupRoots } = config;

  return [
    { id: "root", look: () => checkRoot(uid, procRoot) },
    { id: "config", look: () => checkConfiguration(loaded) },
    { id: "kernel", look: () => checkKernel(kernel) },
    { id: "hierarchy", look: () => checkHierarchy(located(), procRoot) },
    { id: "controller", look: () => checkController(procRoot, controllerAt()) },
    { id: "cgroups", look: inHierarchy(() => checkRoots(guarded()!, cgroupRoots)) },
    {
      id: "memory-high",
      look: inHierarchy(({ version }) => checkMemoryHigh(version, config.v2, kernel.release, procRoot)),
    },
    {
      id: "kernel-oom",
      look: inHierarchy(({ version }) => checkKernelOom(version, config, kernel.release)),
    },
    { id: "self-test", look: inScratch((mount) => selfTest(mount, isHeld(mount), procRoot)) },
    {
      id: "reclaim",
      look: inScratch((mount) =>
        checkReclaim(mount, procRoot, reclaim.mode, isHeld(mount), readSwap(procRoot)),
      ),
    },
    { id: "swap", look: () => checkSwap(readSwap(procRoot), located()) },
    { id: "huge-pages", look: () => checkHugePages(sysRoot, guarded()) },
    { id: "runtime", look: () => checkRuntime(runtime) },
    { id: "api-server", look: () => checkApiServer(access, client, Date.now()) },
    { id: "api-rights", look: () => checkApiRights(access, client) },
    { id: "scheduling", look: () => checkScheduling() },
    { id: "inotify", look: inHierarchy(({ path }) => checkInotify(path)) },
    { id: "limits", look: () => checkDescriptors(procRoot, guarded()) },
    { id: "state-dir", look: () => checkStateDir(stateDir, procRoot) },
    { id: "black-box", look: () => checkBlackBox(VOLATILE_DIR, procRoot) },
    { id: "kmsg", look: () => checkKmsg(devRoot) },
    { id: "panic-on-oom", look: () => checkPanicOnOom(procRoot) },
    { id: "other-guards", look: () => checkOtherGuards(procRoot) },
    // The last one: it holds for the whole process.
    { id: "memory-lock", look: () => checkMemoryLock() },
  ];
}

function once<T>(look: () => T): () => T {
  let found: { readonly value: T } | null = null;
  return () => {
    found ??= { value: look() };
    return found.value;
  };
}
