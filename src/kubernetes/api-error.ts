/**
 * Why a request to the API server came to nothing, by what one would do about it.
 * Of the whole server: `unconfigured` (no usable kubeconfig), `unreachable`, `timeout`, `tls`, `unauthorized` (401),
 * `throttled` (429), `server` (5xx), `garbage` (no answer an API server gives: a 4xx that is no Status is a proxy's).
 * Of this request: `forbidden` (403: a right is missing), `gone` (the namespace is not there or is being deleted),
 * `not-found` (404), `conflict` (409), `rejected` (any other 4xx: it would be refused for ever).
 */
export type ApiErrorKind =
  | "unconfigured"
  | "unreachable"
  | "timeout"
  | "tls"
  | "unauthorized"
  | "forbidden"
  | "gone"
  | "not-found"
  | "conflict"
  | "rejected"
  | "throttled"
  | "server"
  | "garbage";

/** The right a request needs, in the words of RBAC. */
export interface Right {
  readonly verb: string;
  readonly resource: string;
}

/** What else is known about the failure. */
export interface ApiErrorDetails {
  readonly right?: Right;
  /** The server's wish (Retry-After). */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** What went wrong between us and the API server, as a value. The message is one printable line without secrets. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly kind: ApiErrorKind;
  readonly right: Right | null;
  readonly retryAfterMs: number | null;

  constructor(kind: ApiErrorKind, message: string, { right, retryAfterMs, cause }: ApiErrorDetails = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
    this.right = right ?? null;
    this.retryAfterMs = retryAfterMs ?? null;
  }
}

/** The value, or why there is none. */
export type ApiResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: ApiError };
