import type { Checked } from "../doctor/check.ts";
import { jsonDocument } from "./json.ts";

/** The whole answer of `oom-guard doctor --json`. */
export interface DoctorReport {
  readonly version: 1;
  /** No check failed. */
  readonly ok: boolean;
  readonly checks: readonly Checked[];
}

/** The checks in the order they were done. */
export function doctorReport(checks: readonly Checked[]): DoctorReport {
  return {
    version: 1,
    ok: checks.every(({ outcome }) => outcome !== "fail"),
    checks: checks.map(({ id, outcome, detail, fix }) => ({ id, outcome, detail, fix })),
  };
}

/** The report as it is written: one JSON document and a newline. */
export function renderDoctorJson(checks: readonly Checked[]): string {
  return jsonDocument(doctorReport(checks));
}
