import type { CourierCallbacks, CourierPorts } from "./ports.ts";
import type { StoreGate } from "./store-gate.ts";
import type { Tasks } from "./tasks.ts";

/** When to look again where only something that happens makes a difference. */
export const NEVER = Number.POSITIVE_INFINITY;

/** What the steps of the courier work with. */
export interface StepTools {
  readonly ports: CourierPorts;
  readonly tell: CourierCallbacks;
  readonly store: StoreGate;
  readonly tasks: Tasks;
}
