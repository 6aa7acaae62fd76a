import * as v from "valibot";
import { printable } from "../report/text.ts";
import type { Access } from "./access.ts";
import { ApiError, type ApiErrorKind, type ApiResult } from "./api-error.ts";
import type { ApiRequest } from "./request.ts";
import { retryAfterMs } from "./retry-after.ts";

/** What came back, read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** As much of the server's own words as a message takes. */
const WORDS_LENGTH = 300;

const text = v.fallback(v.string(), "");

/** What an API server says when it refuses; anything else in its place says nothing. */
const Refusal = v.object({
  /** "Status", if it is the API server that says it: a proxy between us has words of its own. */
  kind: text,
  message: text,
  details: v.fallback(
    v.object({
      kind: text,
      causes: v.fallback(v.array(v.object({ reason: text })), []),
      retryAfterSeconds: v.fallback(v.nullable(v.number()), null),
    }),
    { kind: "", causes: [], retryAfterSeconds: null },
  ),
});
type Refusal = v.InferOutput<typeof Refusal>;

/** The value of a good answer, or the error that it is. */
export function readAnswer<T>(access: Access, request: ApiRequest<T>, answer: Answer): ApiResult<T> {
  const { status, headers, text: body } = answer;
  const json = parseJson(body);
  if (status >= 200 && status < 300) {
    const result = v.safeParse(request.schema, json);
    if (json !== undefined && result.success) return { ok: true, value: result.output };
    const what = json === undefined ? `not JSON (${type(headers)})` : "not what was asked for";
    const message = `${printable(access.server)} answers ${status} with ${what}: is server in ${access.source} an API server?`;
    return failure("garbage", message);
  }
  const refusal = v.parse(v.fallback(Refusal, v.parse(Refusal, {})), json);
  const kind = kindOf(status, refusal);
  const words = printable(access.redact(refusal.message), WORDS_LENGTH);
  const said = words === "" || words === "Unauthorized" ? "" : ` (${words})`;
  const message = `${printable(access.server)} ${explain(kind, status, access, request)}${said}`;
  const wait = retryAfterMs(headers.get("retry-after"), refusal.details.retryAfterSeconds, Date.now());
  const asks = kind === "throttled" || kind === "server";
  return failure(kind, message, {
    ...(kind === "forbidden" ? { right: request.right } : {}),
    ...(asks && wait !== null ? { retryAfterMs: wait } : {}),
  });
}

function kindOf(status: number, { kind, message, details }: Refusal): ApiErrorKind {
  if (status === 401) return "unauthorized";
  if (status === 403) return isTerminating(message, details.causes) ? "gone" : "forbidden";
  if (status === 429) return "throttled";
  if (status === 408 || status >= 500) return "server";
  // What is given up for ever is given up on the API server's word only: a load balancer without a backend says 404 too.
  if (status < 400 || kind !== "Status") return "garbage";
  if (status === 404) return details.kind === "namespaces" ? "gone" : "not-found";
  return status === 409 ? "conflict" : "rejected";
}

/** Admission refuses with the same code as RBAC, but there is no right to ask for. */
function isTerminating(message: string, causes: Refusal["details"]["causes"]): boolean {
  // Kubernetes before 1.16 gives no cause.
  return (
    causes.some(({ reason }) => reason === "NamespaceTerminating") ||
    message.endsWith("because it is being terminated")
  );
}

function explain(kind: ApiErrorKind, status: number, access: Access, request: ApiRequest<unknown>): string {
  const { verb, resource } = request.right;
  switch (kind) {
    case "unauthorized":
      return `does not accept ${access.credentials} of ${access.source}${expiry(access)}: renew it, or name other credentials with kubernetes.kubeconfig`;
    case "forbidden":
      return `does not let us ${verb} ${resource}: grant it with: oom-guard print rbac | kubectl apply -f -`;
    case "gone":
      return `has no such namespace, or it is being deleted: cannot ${verb} ${resource}`;
    case "not-found":
      return `has no such object: cannot ${verb} ${resource}`;
    case "conflict":
      return `has one of that name already, or a newer one: cannot ${verb} ${resource}`;
    case "throttled":
      return "asks us to wait";
    case "server":
      return `cannot answer at the moment: ${status}`;
    case "garbage":
      return explainGarbage(status);
    default:
      return `rejects the request to ${verb} ${resource}: ${status}`;
  }
}

function explainGarbage(status: number): string {
  if (status >= 400) return `answers ${status}, but not as an API server does: is it a proxy that answers?`;
  return status >= 300 ? `redirects (${status}), which is not followed` : `answers ${status}`;
}

function expiry({ expires }: Access): string {
  if (expires === null || !(expires.getTime() < Date.now())) return "";
  return ` (the client certificate expired at ${expires.toISOString()})`;
}

function type(headers: Headers): string {
  return printable(headers.get("content-type") ?? "no content type", 60);
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function failure(kind: ApiErrorKind, message: string, details = {}): ApiResult<never> {
  return { ok: false, error: new ApiError(kind, message, details) };
}
