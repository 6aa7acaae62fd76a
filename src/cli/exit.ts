/** Exit codes of every command: 0 fine, 1 failed at run time, 2 bad usage or config, 3 `scan --exit-code` found something. */
export const exitCode = { ok: 0, failed: 1, usage: 2, found: 3 } as const;

/** Something the user can mend, said in one line; `main.ts` prints it and exits with its code. */
export class UserError extends Error {
  override readonly name = "UserError";
  readonly exitCode: number;

  /** @param exitCode 2 for bad usage or config, 1 for what failed at run time. */
  constructor(message: string, exitCode: number, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}
