import { type InstallStep, install as installFiles } from "../install/install.ts";
import { isReplacedOneRunning } from "../install/replaced.ts";
import { ask, isBooted, refresh } from "../install/systemd.ts";
import { printable } from "../report/text.ts";
import { exitCode, UserError } from "./exit.ts";
import type { Handler } from "./handler.ts";
import { installRoot } from "./install-root.ts";
import { warn, writeOut } from "./output.ts";

/** The running executable, also after its file has been replaced or removed. */
const EXECUTABLE = "/proc/self/exe";

/** `oom-guard install`: puts the executable, unit, configuration and catalog in place. */
export const install: Handler = async ({ root: given }) => {
  const root = installRoot("install", given);
  // Run from its source the executable is Bun.
  if (!import.meta.path.startsWith("/$bunfs/")) {
    throw new UserError("only the built executable can install itself: npm run build", exitCode.failed);
  }
  let changed = false;
  for (const step of installFiles(root, EXECUTABLE)) {
    await tell(step);
    changed ||= step.result === "installed" || step.result === "updated";
  }
  const isOwn = root === "/";
  const live = isOwn && isBooted();
  if (live && changed) refresh().forEach(warn);
  await writeOut(`${!isOwn ? nextInRoot(root) : live ? next(changed) : NO_SYSTEMD}\n`);
  return exitCode.ok;
};

async function tell({ path, result }: InstallStep): Promise<void> {
  if (typeof result === "string") await writeOut(`${result.padEnd(9)}  ${printable(path)}\n`);
  else warn(`left out: ${result.missing}`);
}

const NO_SYSTEMD = "systemd does not run here: have something else keep `oom-guard run` up";

function nextInRoot(root: string): string {
  return `next: systemctl --root=${printable(root)} enable oom-guard`;
}

function next(changed: boolean): string {
  const isActive = ask("systemctl", "is-active", "--quiet", "oom-guard").exitCode === 0;
  if (!isActive) return "next: systemctl enable --now oom-guard";
  // The first of two installs may have been the one that changed something.
  return changed || isReplacedOneRunning("/proc")
    ? "next: systemctl restart oom-guard"
    : "oom-guard is running";
}
