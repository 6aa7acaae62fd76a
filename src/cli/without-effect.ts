import type { Config } from "../config/config.ts";

/** Names the keys that this version reads and checks, but does not serve yet. @param say is called only when there are some */
export function sayWhatHasNoEffect({ metrics, kernelOom }: Config, say: (message: string) => void): void {
  const idle = [
    kernelOom === "hold" ? 'kernel_oom = "hold"' : null,
    metrics.listen === "off" ? null : "metrics.listen",
    metrics.textfile === "off" ? null : "metrics.textfile",
  ].filter((key) => key !== null);
  if (idle.length > 0) say(`without effect in this version: ${idle.join(", ")}`);
}
