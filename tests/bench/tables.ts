import type { Context } from "./context.ts";
import type { TableResult } from "./result.ts";
import { armDelay } from "./tables/arm-delay.ts";
import { churn } from "./tables/churn.ts";
import { firstLeak } from "./tables/first-leak.ts";
import { others } from "./tables/others.ts";
import { race } from "./tables/race.ts";
import { rest } from "./tables/rest.ts";
import { scan } from "./tables/scan.ts";
import { start } from "./tables/start.ts";
import { survival, survivalBusy } from "./tables/survival.ts";

interface Table {
  readonly measure: (context: Context) => Promise<TableResult>;
  /** About what it takes, on two cores. */
  readonly seconds: number;
  readonly quickSeconds: number;
}

/** In the order in which they are measured. */
export const TABLES: Readonly<Record<string, Table>> = {
  survival: { measure: survival, seconds: 100, quickSeconds: 15 },
  "survival-busy": { measure: survivalBusy, seconds: 145, quickSeconds: 20 },
  "first-leak": { measure: firstLeak, seconds: 60, quickSeconds: 15 },
  race: { measure: race, seconds: 150, quickSeconds: 40 },
  rest: { measure: rest, seconds: 140, quickSeconds: 30 },
  churn: { measure: churn, seconds: 180, quickSeconds: 35 },
  "arm-delay": { measure: armDelay, seconds: 15, quickSeconds: 3 },
  scan: { measure: scan, seconds: 10, quickSeconds: 4 },
  start: { measure: start, seconds: 15, quickSeconds: 5 },
  others: { measure: others, seconds: 190, quickSeconds: 160 },
};

/** `about 12 minutes: survival 120 s, race 170 s` */
export function estimate(names: readonly string[], isQuick: boolean): string {
  const seconds = names.map((name) => TABLES[name]![isQuick ? "quickSeconds" : "seconds"]);
  const minutes = Math.ceil(seconds.reduce((sum, more) => sum + more, 0) / 60);
  const each = names.map((name, i) => `${name} ${seconds[i]} s`);
  return `about ${minutes} minute${minutes === 1 ? "" : "s"}: ${each.join(", ")}`;
}
