/**
 * Whom of these the kernel killed when it was out of memory for the first time since they run. Now and then, and in a
 * slow machine as a rule, it is so again before the first victims have given their memory back; then others die too.
 * @returns in the order of its log, each once; empty where its log cannot be read
 */
export function killedFirst(pids: readonly number[]): number[] {
  const log = Bun.spawnSync(["dmesg"]).stdout.toString();
  const shortages = log
    .split(/^.* invoked oom-killer: .*$/m)
    .map((part) =>
      [...part.matchAll(/Killed process (\d+) /g)]
        .map(([, pid]) => Number(pid))
        .filter((pid) => pids.includes(pid)),
    );
  return [...new Set(shortages.find((killed) => killed.length > 0))];
}
