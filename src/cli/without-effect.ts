import type { Config } from "../config/config.ts";

/** Names the key that this version reads and checks, but does not serve yet. @param say is called only when it is set */
export function sayWhatHasNoEffect({ kernelOom }: Config, say: (message: string) => void): void {
  if (kernelOom === "hold") say('without effect in this version: kernel_oom = "hold"');
}
