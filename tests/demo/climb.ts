import { terminalLook } from "../../src/cli/terminal.ts";
import { type BarFacts, bar } from "../../src/report/bar.ts";
import { humanSize } from "../../src/report/size.ts";

const LINE_EVERY_BYTES = 30 * 1024 * 1024;

/** Shows usage climbing: one bar that grows on a terminal, a line now and then elsewhere. */
export class Climb {
  readonly #look = terminalLook();
  readonly #live = process.stdout.isTTY === true;
  #shownBytes = Number.NEGATIVE_INFINITY;

  show(facts: BarFacts): void {
    if (!this.#live && facts.usageBytes - this.#shownBytes < LINE_EVERY_BYTES) return;
    this.#draw(facts);
  }

  /** The last bar, which stays. */
  end(facts: BarFacts): void {
    this.#draw(facts);
    if (this.#live) process.stdout.write("\n");
  }

  #draw(facts: BarFacts): void {
    this.#shownBytes = facts.usageBytes;
    const color = facts.usageBytes >= facts.thresholdBytes ? "red" : "green";
    const text = `  ${bar(facts, 40, color, this.#look)} ${humanSize(facts.usageBytes).padStart(6)} of ${humanSize(facts.limitBytes)}`;
    process.stdout.write(this.#live ? `\r${text}\x1b[K` : `${text}\n`);
  }
}
