import { Code, ConnectError } from "@connectrpc/connect";

/**
 * Why a runtime does not answer.
 * absent: no socket there (the usual thing on a node without that runtime). refused: a socket, but nobody
 * listens or we may not connect. unresponsive: it accepts and does not answer in time. unsupported: it
 * answers, but does not speak this API (Docker before 17.12). lost: a connection that worked has ended.
 * failed: anything else.
 */
export type ContainerdReason = "absent" | "refused" | "unresponsive" | "unsupported" | "lost" | "failed";

/** Servers put what they like into their error texts. */
const MAX_DETAIL = 300;

/** What went wrong with one containerd socket. The message may quote the server: print it escaped. */
export class ContainerdError extends Error {
  override readonly name = "ContainerdError";
  readonly socket: string;
  readonly reason: ContainerdReason;

  constructor(socket: string, reason: ContainerdReason, detail: string, cause?: unknown) {
    super(`containerd at ${socket}: ${detail.slice(0, MAX_DETAIL)}`, cause === undefined ? {} : { cause });
    this.socket = socket;
    this.reason = reason;
  }

  /** @param doing what was being done, e.g. "list containers in k8s.io". */
  static from(socket: string, doing: string, cause: unknown): ContainerdError {
    if (cause instanceof ContainerdError) return cause;
    return new ContainerdError(socket, reasonOf(cause), `${doing}: ${textOf(cause)}`, cause);
  }
}

function reasonOf(cause: unknown): ContainerdReason {
  switch (errnoOf(cause)) {
    case "ENOENT":
      return "absent";
    case "ECONNREFUSED":
    case "EACCES":
    case "EPERM":
      return "refused";
  }
  if (!(cause instanceof ConnectError)) return "failed";
  if (cause.code === Code.DeadlineExceeded) return "unresponsive";
  if (cause.code === Code.Unimplemented) return "unsupported";
  return cause.code === Code.Unavailable || cause.code === Code.Aborted ? "lost" : "failed";
}

/** The errno's name, in whichever layer of causes it is. */
function errnoOf(cause: unknown): string | undefined {
  for (let error = cause, depth = 0; error instanceof Error && depth < 5; error = error.cause, depth++) {
    if ("code" in error && typeof error.code === "string" && /^E[A-Z]+$/.test(error.code)) return error.code;
  }
  return undefined;
}

function textOf(cause: unknown): string {
  if (cause instanceof ConnectError) return cause.rawMessage;
  return cause instanceof Error ? cause.message : String(cause);
}
