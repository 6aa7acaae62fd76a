import { readFileSync } from "node:fs";

/** A part of the address space that shows a file: the executable, a library. */
export interface FileMapping {
  readonly address: number;
  readonly lengthBytes: number;
  /** Only what is in the file is there: never written, neither by the program nor by the dynamic linker. */
  readonly isPristine: boolean;
}

// 7f0000000000-7f0000001000 r-xp 00000000 fe:00 2155681    /usr/lib/libc.so.6
const HEADER = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) [0-9a-f]+ \S+ \d+ +(\/.*)$/;
const OWN_PAGES = /^Anonymous: +(\d+) kB$/m;

/** This process's mappings of files. @param smaps what /proc/self/smaps tells (proc(5), "Anonymous" since 2.6.34) */
export function fileMappings(smaps = readFileSync("/proc/self/smaps", "utf8")): FileMapping[] {
  return smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m).flatMap((entry) => {
    const [, from, to, rights] = HEADER.exec(entry.slice(0, entry.indexOf("\n"))) ?? [];
    if (from === undefined || to === undefined || rights === undefined) return [];
    const address = Number.parseInt(from, 16);
    // What the linker has relocated is read-only afterwards (RELRO), but no longer what is in the file.
    const isPristine = rights[1] === "-" && rights[3] === "p" && OWN_PAGES.exec(entry)?.[1] === "0";
    return [{ address, lengthBytes: Number.parseInt(to, 16) - address, isPristine }];
  });
}
