import type { Log } from "../report/log.ts";
import type { GuardService } from "../service/guard-service.ts";
import { exitCode } from "./exit.ts";

/** The end of the guard: a signal asks for it, or something that is broken. */
export class Stop {
  readonly #asked = Promise.withResolvers<number>();
  readonly #service: GuardService;
  #isAsked = false;

  /** Takes SIGTERM and SIGINT from now on. */
  constructor(log: Log, service: GuardService) {
    this.#service = service;
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.on(signal, () => {
        log.info("stopping", `stopping on ${signal}`);
        this.ask(`stopping on ${signal}`, exitCode.ok);
      });
    }
  }

  get isAsked(): boolean {
    return this.#isAsked;
  }

  /** Resolves when the guard is to stop, with the exit code of whoever asked first. */
  get asked(): Promise<number> {
    return this.#asked.promise;
  }

  /** @param why as the service manager is told */
  ask(why: string, code: number): void {
    this.#isAsked = true;
    this.#service.stopping(why);
    this.#asked.resolve(code);
  }
}
