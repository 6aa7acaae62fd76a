const PATIENCE = Number(process.env.OOM_GUARD_TEST_PATIENCE ?? 1);
const THRIFT = Number(process.env.OOM_GUARD_TEST_THRIFT ?? 1);

/** A time to wait at most. In an emulated machine everything takes longer, and so do we wait. */
export function patient(ms: number): number {
  return ms * PATIENCE;
}

/** Waits as long as it takes something to happen, or to show that it does not. */
export function pause(ms: number): Promise<void> {
  return Bun.sleep(patient(ms));
}

/** A rate at which something is done to be noticed: slower in a machine that notices more slowly. */
export function gently(perSecond: number): number {
  return perSecond / PATIENCE;
}

/** How often to do what is done many times: less often where each time takes long. */
export function rounds(count: number): number {
  return Math.ceil(count / THRIFT);
}
