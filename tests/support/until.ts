/** In an emulated machine everything takes longer: how many times longer we wait there. */
const PATIENCE = Number(process.env.OOM_GUARD_TEST_PATIENCE ?? 1);

/** Waits until the condition holds; fails with `what` when it does not within the time. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs * PATIENCE;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await Bun.sleep(10);
  }
}
