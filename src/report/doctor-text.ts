import type { Checked, Outcome } from "../doctor/check.ts";
import { padRight } from "./columns.ts";
import { type Look, type Paint, paint } from "./style.ts";
import { printable, printableAscii } from "./text.ts";

const OUTCOME_WIDTH = 4;
const COLOR: Readonly<Record<Outcome, Paint>> = { ok: "green", warn: "yellow", fail: "red", skip: "dim" };
const GAP = "  ";

/** How lines may look, and the widest id among them. */
export type DoctorLook = Pick<Look, "color" | "unicode"> & { readonly idWidth: number };

/**
 * One check: a line, and below it what would mend it. Not cut to the terminal's width: a command that is to be copied
 * must be whole. Ends with a newline.
 */
export function renderCheck({ id, outcome, detail, fix }: Checked, look: DoctorLook): string {
  const show = look.unicode ? printable : printableAscii;
  const head = `${paint(padRight(outcome, OUTCOME_WIDTH), COLOR[outcome], look)}${GAP}${padRight(id, look.idWidth)}`;
  const line = `${head}${GAP}${show(detail)}\n`;
  if (fix === null) return line;
  const indent = " ".repeat(OUTCOME_WIDTH + GAP.length + look.idWidth + GAP.length);
  return `${line}${indent}${paint("fix:", "bold", look)} ${show(fix)}\n`;
}

/** The last line: `14 checks: 12 ok, 1 warning, 1 failed`. */
export function renderDoctorSummary(checks: readonly Checked[]): string {
  const count = (outcome: Outcome) => checks.filter((checked) => checked.outcome === outcome).length;
  const [warnings, failed, skipped] = [count("warn"), count("fail"), count("skip")];
  const parts = [
    `${count("ok")} ok`,
    ...(warnings === 0 ? [] : [`${warnings} ${warnings === 1 ? "warning" : "warnings"}`]),
    ...(failed === 0 ? [] : [`${failed} failed`]),
    ...(skipped === 0 ? [] : [`${skipped} skipped`]),
  ];
  return `${checks.length} checks: ${parts.join(", ")}\n`;
}
