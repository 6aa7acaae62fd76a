import { bookwormV1, bookwormV2, bookwormV2NoPsi, forkyV2, type MachineSpec } from "./machines.ts";

/** One test file, where it runs and how long it may take. */
export interface PlannedFile {
  /** Relative to the repository. */
  readonly path: string;
  readonly limitMs: number;
  /** Spends its time waiting, and may run while machines do. */
  readonly waits?: boolean;
  /** Runs inside of this virtual machine, not here. */
  readonly machine?: MachineSpec;
  /** The machine is booted again before: what `x.test.ts` left, `x.rebooted.test.ts` finds. */
  readonly afterReboot?: boolean;
}

/** One that runs in a machine. */
export type FileInMachine = PlannedFile & { readonly machine: MachineSpec };

// The table of outcomes on real cgroups: what holds on this host's hierarchy holds on the unified one. The other real
// tests need an API server, a kubelet or a Docker, or look at what only v1 has.
const onBothHierarchies = ["containers", "memory-kinds", "race", "victims", "without-guard"];
// Long in an emulated machine, or about the guard's own life and the tree: what differs little with the kernel. One machine is
// enough, where all of them take an hour.
const onUnifiedOnce = ["children", "containerd", "leaderless", "lifecycle", "tree"];
// About how a kernel counts and what it prints: the newest there is; this host's and v1's see to the older ones.
const onNewestKernel = ["kernel-log", "oracle"];
// What this host may not do: lower an oom_score_adj.
const onV1Too = ["oracle"];

// Outages of a minute, lists and scrapes every few seconds, a node that takes half a minute to be ready. They need so
// little of the processor that nobody is in their way.
const waiting = [
  ...[
    "api-access",
    "api-failures",
    "docker-pods",
    "dockershim",
    "late-names",
    "names-reused",
    "outage",
    "pods",
  ],
  ...["prometheus", "prometheus-health"],
];

const isReal = (path: string, names: readonly string[]) =>
  names.some((name) => path === `tests/real/${name}.test.ts`);
const isUnified = (path: string) => path.startsWith("tests/unified/");
const isWithoutPsi = (path: string) => isUnified(path) && path.endsWith(".nopsi.test.ts");
const isOnUnified = (path: string) =>
  isReal(path, onBothHierarchies) || (isUnified(path) && !isWithoutPsi(path));
const isOnUnifiedOnce = (path: string) => isOnUnified(path) || isReal(path, onUnifiedOnce);
// The node's shortage needs a machine of its own, whatever its hierarchy.
const isOnNewestKernel = (path: string) =>
  isOnUnified(path) || isReal(path, onNewestKernel) || path === "tests/vm/node-oom.test.ts";

interface Group extends Omit<PlannedFile, "path"> {
  readonly has: (path: string) => boolean;
}

// What takes longer hangs: the slowest unit file needs 4 s, the slowest of the real ones about four minutes, on two busy
// cores perhaps three times that. One machine is on at a time, so its files follow each other.
const groups: readonly Group[] = [
  { has: (path) => path.startsWith("tests/unit/"), limitMs: 120_000 },
  { has: (path) => path.startsWith("tests/cli/"), limitMs: 120_000 },
  { has: (path) => path.startsWith("tests/real/") && !isReal(path, waiting), limitMs: 900_000 },
  { has: (path) => isReal(path, waiting), limitMs: 900_000, waits: true },
  {
    has: (path) => path.startsWith("tests/vm/") || isReal(path, onV1Too),
    limitMs: 900_000,
    machine: bookwormV1,
  },
  { has: isOnUnifiedOnce, limitMs: 900_000, machine: bookwormV2 },
  { has: isOnNewestKernel, limitMs: 900_000, machine: forkyV2 },
  { has: isWithoutPsi, limitMs: 900_000, machine: bookwormV2NoPsi },
];

/** Whether it runs in a machine. */
export function isInMachine(file: PlannedFile): file is FileInMachine {
  return file.machine !== undefined;
}

/** What a planned file is called: its path, and the machine it runs in. */
export function titleOf({ path, machine }: PlannedFile): string {
  return machine === undefined ? path : `${path} in ${machine.name}`;
}

/**
 * The files to run, in order: cheap ones first, so that a slip in a parser does not cost a quarter of an hour. A file may
 * be planned several times, here and in machines.
 * @param files every test file, relative to the repository
 * @param filters a planned file is wanted if its title contains one of them; none: all are
 */
export function plan(files: readonly string[], filters: readonly string[]): PlannedFile[] {
  const inTurn = files.toSorted(byTurn);
  return groups
    .flatMap(({ has, ...how }) =>
      inTurn
        .filter(has)
        .map(
          (path): PlannedFile => ({ path, ...how, ...(path.endsWith(REBOOTED) && { afterReboot: true }) }),
        ),
    )
    .filter((file) => filters.length === 0 || filters.some((filter) => titleOf(file).includes(filter)));
}

/** Which files follow each other, in order. */
export interface Lanes {
  /** Before everything else. */
  readonly alone: readonly PlannedFile[];
  /** Afterwards, while machines run. */
  readonly besideMachines: readonly PlannedFile[];
  readonly inMachines: readonly FileInMachine[];
}

/** Divides what was planned. */
export function lanesOf(files: readonly PlannedFile[]): Lanes {
  const here = files.filter((file) => !isInMachine(file));
  return {
    alone: here.filter(({ waits }) => waits !== true),
    besideMachines: here.filter(({ waits }) => waits === true),
    inMachines: files.filter(isInMachine),
  };
}

const REBOOTED = ".rebooted.test.ts";

/** By name, but `x.rebooted` right after `x`. */
function byTurn(a: string, b: string): number {
  const [first, second] = [a, b].map((file) => file.replace(REBOOTED, ".test.ts.rebooted"));
  return first! < second! ? -1 : 1;
}

/** Test files that lie where no group would run them. */
export function strays(files: readonly string[]): string[] {
  return files.filter((file) => !groups.some(({ has }) => has(file))).sort();
}
