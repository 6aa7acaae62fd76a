import type { Stage } from "./stage.ts";

/** What a table is measured with. */
export interface Context {
  readonly stage: Stage;
  /** A look instead of a measurement: few runs, short times. */
  readonly isQuick: boolean;
  /** As long as the goal asks for, where the bench as a whole has not the time. */
  readonly isLong: boolean;
  /** Shows how far it is. */
  readonly progress: (text: string) => void;
}
