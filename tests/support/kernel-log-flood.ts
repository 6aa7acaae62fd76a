import { closeSync, openSync, writeSync } from "node:fs";

// Run as a program: writes LINES lines that look like the kernel's kills into its log, at most PER_SECOND.
// Each open file may write ten lines in 5 s (kernel.printk_devkmsg), so each line gets its own; at level 7, or each would be
// written to the console, which takes a millisecond.

const [perSecond, lines] = process.argv.slice(2).map(Number) as [number, number];
const start = performance.now();
for (let written = 0; written < lines; ) {
  const due = Math.min(lines, ((performance.now() - start) / 1000) * perSecond);
  for (; written < due; written++) {
    const fd = openSync("/dev/kmsg", "w");
    writeSync(
      fd,
      `<15>Out of memory: Killed process 1 (flood) total-vm:${written}kB, anon-rss:1kB, file-rss:1kB`,
    );
    closeSync(fd);
  }
  await Bun.sleep(1);
}
