import { type Finding, ok, warn } from "./check.ts";

/** What `uname` tells. */
export interface KernelFacts {
  /** `uname -r`. */
  readonly release: string;
  /** As the engine names it: "x64", "arm64". */
  readonly arch: string;
}

/** What this kernel is, and what of it the guard has to work around. */
export function checkKernel({ release, arch }: KernelFacts): Finding {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  const version = major === undefined ? Number.POSITIVE_INFINITY : Number(major) * 1000 + Number(minor);
  const what = [`Linux ${release}`, arch, ...troubles(release, version)].join(", ");
  if (version < 3010)
    return warn(`${what}: older than any it was tried on`, "use Linux 3.10 or later (CentOS 7)");
  return ok(what);
}

function troubles(release: string, version: number): string[] {
  if (release.startsWith("3.10.0-514."))
    return ["takes thresholds in pages (handled), tells of no OOM kills but by notification"];
  // The counter oom_kill is from 4.13.
  return version < 4013 ? ["tells of OOM kills by notification only"] : [];
}
