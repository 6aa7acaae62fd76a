import type { GenericSchema } from "valibot";
import type { Right } from "./api-error.ts";

/** One request to the API server. */
export interface ApiRequest<T> {
  readonly method: "GET" | "POST" | "PATCH";
  /** Segments of the path, not encoded: `["api", "v1", "pods"]`. */
  readonly path: readonly string[];
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Of the body; `application/json` unless it says otherwise. */
  readonly contentType?: "application/json" | "application/merge-patch+json";
  /** What RBAC must allow for it. */
  readonly right: Right;
  /** What a good answer looks like, and what is taken of it. */
  readonly schema: GenericSchema<unknown, T>;
  readonly largestAnswerBytes?: number;
  /** Ends the request early; the result is then `unreachable`. */
  readonly signal?: AbortSignal;
}

/** The request's URL, or null if a segment of its path could lead somewhere else. */
export function buildUrl(server: string, { path, query = {} }: ApiRequest<unknown>): string | null {
  // Encoding does not help against dots: `%2e%2e` is one folder up as well.
  if (path.some((segment) => /^\.{0,2}$/.test(segment) || !segment.isWellFormed())) return null;
  const parameters = new URLSearchParams(query).toString();
  return `${server}/${path.map(encodeURIComponent).join("/")}${parameters === "" ? "" : `?${parameters}`}`;
}
