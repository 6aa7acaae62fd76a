import { type Look, wantsColor, wantsUnicode } from "../report/style.ts";

/** How output to this terminal, pipe or file may look. */
export function terminalLook(): Look {
  const isTty = process.stdout.isTTY === true;
  return {
    columns: isTty ? (process.stdout.columns ?? 80) : Number(process.env.COLUMNS) || 80,
    color: wantsColor(isTty, process.env),
    unicode: wantsUnicode(process.env),
  };
}
