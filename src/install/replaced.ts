import { readdirSync, readlinkSync } from "node:fs";
import { installedFiles } from "./files.ts";

const programs = installedFiles.filter(({ text }) => text === null).map(({ path }) => `${path} (deleted)`);

/** Whether a process still runs an executable that an install has replaced since (proc(5), exe). @param procRoot usually "/proc" */
export function isReplacedOneRunning(procRoot: string): boolean {
  return readdirSync(procRoot)
    .filter((name) => /^\d+$/.test(name))
    .some((pid) => programs.includes(executableOf(`${procRoot}/${pid}`)));
}

function executableOf(directory: string): string {
  try {
    return readlinkSync(`${directory}/exe`);
  } catch {
    // It has ended, or is a thread of the kernel's.
    return "";
  }
}
