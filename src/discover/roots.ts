/** Segments of an absolute glob, and how many of the first ones are plain names. */
interface Root {
  readonly segments: readonly string[];
  readonly globs: readonly Bun.Glob[];
}

/** The `cgroup_roots`: which cgroups the guard may look at, and where new ones may appear. */
export class Roots {
  readonly #roots: readonly Root[];

  constructor(patterns: readonly string[]) {
    this.#roots = patterns.map((pattern) => {
      const segments = pattern.split("/").filter((segment) => segment !== "");
      return { segments, globs: segments.map((segment) => new Bun.Glob(segment)) };
    });
  }

  /**
   * inside: a root or below one. above: a root may appear below it, so its directory is watched for new children, and
   * nothing in it is touched. outside: none of the guard's business.
   */
  place(cgroup: string): "inside" | "above" | "outside" {
    const segments = cgroup.split("/").filter((segment) => segment !== "");
    let above = false;
    for (const { segments: pattern, globs } of this.#roots) {
      const common = Math.min(segments.length, pattern.length);
      let matches = true;
      for (let i = 0; i < common && matches; i++) matches = globs[i]!.match(segments[i]!);
      if (!matches) continue;
      if (segments.length >= pattern.length) return "inside";
      above = true;
    }
    return above ? "above" : "outside";
  }
}
