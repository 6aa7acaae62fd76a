import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { BINARY } from "../support/guard.ts";

/** On what, and with what, a table was measured. */
export interface MachineFacts {
  /** RFC 3339. */
  readonly time: string;
  readonly kernel: string;
  readonly cpus: number;
  readonly cpuModel: string;
  readonly memoryBytes: number;
  /** Of the last minute, before. */
  readonly load: number;
  readonly version: string;
  /** The beginning of the executable's SHA-256. */
  readonly executable: string;
}

/** Of this machine, now. */
export function machineFacts(): MachineFacts {
  const said = Bun.spawnSync([BINARY, "version", "--json"]).stdout.toString();
  return {
    time: new Date().toISOString(),
    kernel: release(),
    cpus: cpus().length,
    cpuModel: cpus()[0]?.model ?? "unknown",
    memoryBytes: totalmem(),
    load: loadavg()[0] ?? 0,
    version: (JSON.parse(said) as { version: string }).version,
    executable: createHash("sha256").update(readFileSync(BINARY)).digest("hex").slice(0, 12),
  };
}
