/** One test file and how long it may take. */
export interface PlannedFile {
  /** Relative to the repository. */
  readonly path: string;
  readonly limitMs: number;
  /** Runs inside of a virtual machine with systemd, not here. */
  readonly inMachine?: boolean;
  /** The machine is booted again before: what `x.test.ts` left, `x.rebooted.test.ts` finds. */
  readonly afterReboot?: boolean;
}

// What takes longer hangs: the slowest unit file needs 4 s, the slowest of the real ones about four minutes, on two busy
// cores perhaps three times that.
const groups: readonly (Omit<PlannedFile, "path"> & { readonly folder: string })[] = [
  { folder: "tests/unit/", limitMs: 120_000 },
  { folder: "tests/cli/", limitMs: 120_000 },
  { folder: "tests/real/", limitMs: 900_000 },
  { folder: "tests/vm/", limitMs: 900_000, inMachine: true },
];

/**
 * The files to run, in order: cheap ones first, so that a slip in a parser does not cost a quarter of an hour.
 * @param files every test file, relative to the repository
 * @param filters a file is wanted if its path contains one of them; none: all are
 */
export function plan(files: readonly string[], filters: readonly string[]): PlannedFile[] {
  const wanted = files
    .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
    .sort(byTurn);
  return groups.flatMap(({ folder, ...how }) =>
    wanted
      .filter((file) => file.startsWith(folder))
      .map((path) => ({ path, ...how, ...(path.endsWith(REBOOTED) && { afterReboot: true }) })),
  );
}

const REBOOTED = ".rebooted.test.ts";

/** By name, but `x.rebooted` right after `x`. */
function byTurn(a: string, b: string): number {
  const [first, second] = [a, b].map((file) => file.replace(REBOOTED, ".test.ts.rebooted"));
  return first! < second! ? -1 : 1;
}

/** Test files that lie where no group would run them. */
export function strays(files: readonly string[]): string[] {
  return files.filter((file) => !groups.some(({ folder }) => file.startsWith(folder))).sort();
}
