import { patient } from "./patience.ts";

/** Waits until the condition holds; fails with `what` when it does not within the time. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
): Promise<void> {
  const deadline = performance.now() + patient(timeoutMs);
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${patient(timeoutMs)} ms: ${what}`);
    await Bun.sleep(10);
  }
}
