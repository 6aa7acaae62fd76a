import { describe, expect, test } from "bun:test";
import { fileMappings } from "../../../ffi/mappings.ts";

const entry = (head: string, anonymousKb: number) =>
  `${head}\nSize:                  4 kB\nAnonymous:      ${String(anonymousKb).padStart(5)} kB\nAnonHugePages:         0 kB\nVmFlags: rd mr mw me\n`;

const mappingsOf = (...entries: string[]) => fileMappings(entries.join(""));

describe("mappings of files", () => {
  test("are those with a path, with their place and size", () => {
    const mappings = mappingsOf(
      entry(
        "00200000-01a39000 r--p 00000000 fe:00 2155681                            /usr/local/bin/oom-guard",
        0,
      ),
      entry("7f0000000000-7f0000004000 rw-p 00000000 00:00 0", 16),
      entry("7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0                          [stack]", 8),
    );
    expect(mappings).toEqual([{ address: 0x200000, lengthBytes: 0x1839000, isPristine: true }]);
  });

  test.each([
    ["code that nobody has written to", "r-xp", 0, true],
    ["data that is written", "rw-p", 0, false],
    ["what the linker has relocated, and is read-only since", "r--p", 32, false],
    ["code with a breakpoint in it", "r-xp", 4, false],
    ["a file that others see, too", "r--s", 0, false],
  ])("%s", (_, rights, anonymousKb, isPristine) => {
    const head = `7f0000000000-7f0000004000 ${rights} 00001000 fe:00 17     /usr/lib/with space/libc.so.6`;
    expect(mappingsOf(entry(head, anonymousKb))).toEqual([
      { address: 0x7f0000000000, lengthBytes: 0x4000, isPristine },
    ]);
  });

  test("of this process are there, the executable among them", () => {
    expect(fileMappings().length).toBeGreaterThan(1);
  });
});
