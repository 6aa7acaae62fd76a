import { type Finding, ok, warn } from "./check.ts";

/** What `uname` tells. */
export interface KernelFacts {
  /** `uname -r`. */
  readonly release: string;
  /** As the engine names it: "x64", "arm64". */
  readonly arch: string;
}

/** What this kernel is, and what of it the guard has to work around. @param kernelOom `kernel_oom` of the configuration */
export function checkKernel({ release, arch }: KernelFacts, kernelOom: "allow" | "hold"): Finding {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(release) ?? [];
  const version = major === undefined ? Number.POSITIVE_INFINITY : Number(major) * 1000 + Number(minor);
  const what = [`Linux ${release}`, arch, ...troubles(release, version)].join(", ");
  if (version < 3010)
    return warn(`${what}: older than any it was tried on`, "use Linux 3.10 or later (CentOS 7)");
  // Processes at their limit sleep with locks held (before commit 3812c8c8f395, 3.12): holding them there hangs others.
  if (version < 3012 && kernelOom === "hold")
    return warn(`${what}: kernel_oom = "hold" can hang the node on it`, 'set kernel_oom = "allow"');
  return ok(what);
}

function troubles(release: string, version: number): string[] {
  if (release.startsWith("3.10.0-514."))
    return ["takes thresholds in pages (handled), tells of no OOM kills but by notification"];
  // The counter oom_kill is from 4.13.
  return version < 4013 ? ["tells of OOM kills by notification only"] : [];
}
