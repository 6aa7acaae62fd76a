import { existsSync } from "node:fs";
import { printable } from "../report/text.ts";

/** What a command of systemd's answered. */
export interface Answer {
  readonly exitCode: number;
  /** The first line it complained with, or what kept it from running. */
  readonly complaint: string;
}

// Stopping may take TimeoutStopSec; a systemctl that waits for a pid 1 that hangs is to be given up.
const TIMEOUT_MS = 120_000;

/** Whether systemd runs this machine, as sd_booted(3) finds out. */
export function isBooted(): boolean {
  return existsSync("/run/systemd/system");
}

/** Runs systemctl or journalctl and waits for it. */
export function ask(program: "systemctl" | "journalctl", ...args: string[]): Answer {
  const path = Bun.which(program);
  if (path === null) return { exitCode: 127, complaint: `${program} is not in $PATH` };
  const { exitCode, stderr, signalCode } = Bun.spawnSync([path, ...args], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    env: { ...process.env, LC_ALL: "C", SYSTEMD_COLORS: "0" },
    timeout: TIMEOUT_MS,
  });
  if (signalCode !== undefined) return { exitCode: 1, complaint: `ended by ${signalCode}` };
  const [firstLine = ""] = stderr.toString().trim().split("\n");
  return { exitCode, complaint: firstLine === "" ? `exit code ${exitCode}` : printable(firstLine, 300) };
}

/** Makes systemd and the journal read the files again. @returns what did not work, a line each */
export function refresh(): string[] {
  return [complaintOf("systemctl", "daemon-reload"), complaintOf("journalctl", "--update-catalog")].flatMap(
    (it) => it ?? [],
  );
}

function complaintOf(program: "systemctl" | "journalctl", verb: string): string | null {
  const { exitCode, complaint } = ask(program, verb);
  return exitCode === 0 ? null : `${program} ${verb}: ${complaint}`;
}
