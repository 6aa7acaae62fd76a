import { humanSize } from "../report/size.ts";
import { type Finding, ok, skip, warn } from "./check.ts";
import type { Guarded } from "./guarded.ts";
import { readText } from "./read-text.ts";

const FOLDER = "kernel/mm/transparent_hugepage";
// Where the kernel does not say (before 4.9): x86-64's.
const USUAL_BYTES = 2 * 2 ** 20;

/**
 * Can one page fault, or two threads' at once, jump a margin? It may where memory.high holds, too, but not the limit: a
 * huge page that does not fit below that is refused, and the small ones that come instead are held back (7.2: margins of
 * 1M, two threads; memory.events counts "max" for each refusal, and no "oom").
 * @param sysRoot usually "/sys" @param guarded null: there is no memory hierarchy to look at
 */
export function checkHugePages(
  sysRoot: string,
  guarded: Pick<Guarded, "limited" | "isHeld"> | null,
): Finding {
  const modes = readText(`${sysRoot}/${FOLDER}/enabled`);
  if (modes === null) return ok("this kernel has none");
  const mode = /\[(\w+)\]/.exec(modes)?.[1] ?? modes;
  if (mode !== "always") return ok(mode);
  if (guarded === null) return skip("always, but there are no margins to look at");
  const pageBytes = Number(readText(`${sysRoot}/${FOLDER}/hpage_pmd_size`) ?? USUAL_BYTES);
  const arrive = `always, ${humanSize(pageBytes)} at a time`;
  if (guarded.isHeld)
    return ok(`${arrive}: at the limit small ones come instead, which memory.high holds back`);
  const safeBytes = 2 * pageBytes;
  const small = guarded.limited.filter(({ marginBytes }) => marginBytes < safeBytes);
  if (small.length === 0) return ok(`${arrive}: no margin is below ${humanSize(safeBytes)} now`);
  const madvise = `echo madvise > /sys/${FOLDER}/enabled`;
  return warn(
    `${arrive}: ${small.length} of ${guarded.limited.length} limited cgroups have margins below ${humanSize(safeBytes)}, which two page faults can jump`,
    // 512M on arm64 with pages of 64K: no margin is made for that.
    pageBytes > USUAL_BYTES ? madvise : `set min_margin = "${humanSize(safeBytes)}", or ${madvise}`,
  );
}
