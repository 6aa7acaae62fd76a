/** Compiles a C program of this folder. @param options of gcc, beside the usual */
export function compile(source: string, out: string, options: readonly string[] = []): void {
  const result = Bun.spawnSync(["gcc", "-O2", ...options, "-pthread", "-o", out, source]);
  if (result.exitCode !== 0) throw new Error(`gcc: ${result.stderr}`);
}
