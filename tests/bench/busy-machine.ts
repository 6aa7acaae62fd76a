import { constants, cpus, setPriority } from "node:os";

const { PRIORITY_NORMAL, PRIORITY_HIGH } = constants.priority;

/** All cores busy with somebody else's work. The bench itself goes on as if they were not: it has to keep the time. */
export class BusyMachine {
  readonly #loops: readonly Bun.Subprocess[];

  private constructor(loops: readonly Bun.Subprocess[]) {
    this.#loops = loops;
  }

  static start(loopsPerCpu: number): BusyMachine {
    setPriority(PRIORITY_NORMAL);
    const count = cpus().length * loopsPerCpu;
    const start = () =>
      Bun.spawn(["sh", "-c", "while :; do :; done"], { stdio: ["ignore", "ignore", "ignore"] });
    const loops = Array.from({ length: count }, start);
    setPriority(PRIORITY_HIGH);
    return new BusyMachine(loops);
  }

  async stop(): Promise<void> {
    setPriority(PRIORITY_NORMAL);
    for (const loop of this.#loops) loop.kill("SIGKILL");
    await Promise.all(this.#loops.map((loop) => loop.exited));
  }
}
