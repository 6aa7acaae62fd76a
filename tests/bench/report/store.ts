import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { MachineFacts } from "../machine-facts.ts";
import type { TableResult } from "../result.ts";
import { goalTable, machineLine, markdownOf } from "./markdown.ts";
import { svgOf } from "./svg.ts";

/** One table, and on what it was measured. */
export interface Measured {
  readonly machine: MachineFacts;
  readonly seconds: number;
  readonly isQuick: boolean;
  readonly table: TableResult;
}

interface BenchFile {
  readonly version: 2;
  readonly tables: Readonly<Record<string, Measured>>;
}

/**
 * What was measured, in one folder: bench.json, bench.md, and a plot of each table. Tables that were not measured this
 * time stay as they are.
 */
export class ReportFolder {
  readonly #folder: string;
  /** In which order tables are shown. */
  readonly #order: readonly string[];
  #tables: Readonly<Record<string, Measured>>;

  constructor(folder: string, order: readonly string[]) {
    this.#folder = folder;
    this.#order = order;
    const file = join(folder, "bench.json");
    const known = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Partial<BenchFile>) : {};
    this.#tables = known.version === 2 ? (known.tables ?? {}) : {};
  }

  /** Writes the table and all that is made of it. */
  add(name: string, measured: Measured): void {
    this.#tables = { ...this.#tables, [name]: measured };
    mkdirSync(join(this.#folder, "bench"), { recursive: true });
    const content: BenchFile = { version: 2, tables: this.#tables };
    writeFileSync(join(this.#folder, "bench.json"), `${JSON.stringify(content, null, 1)}\n`);
    writeFileSync(join(this.#folder, "bench", `${name}.svg`), svgOf(measured.table.plot));
    writeFileSync(join(this.#folder, "bench.md"), this.#markdown());
  }

  #markdown(): string {
    const known = this.#order.flatMap((name) => {
      const measured = this.#tables[name];
      return measured === undefined ? [] : [{ name, ...measured }];
    });
    const parts = known.map(({ name, table, machine, seconds, isQuick }) =>
      [
        markdownOf(table),
        `![${table.plot.title}](bench/${name}.svg)`,
        `${isQuick ? "A quick look only. " : ""}${machineLine(machine)}; took ${seconds.toFixed(0)} s.`,
      ].join("\n\n"),
    );
    const goals = known.flatMap(({ table }) => table.goals);
    return `${["# Bench", goalTable(goals), ...parts].join("\n\n")}\n`;
  }
}
