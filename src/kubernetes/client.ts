import { printable } from "../report/text.ts";
import type { Access } from "./access.ts";
import { readAnswer } from "./answer.ts";
import { ApiError, type ApiErrorKind, type ApiResult } from "./api-error.ts";
import { connectionError } from "./connection-error.ts";
import { exchange } from "./exchange.ts";
import { type ApiRequest, buildUrl } from "./request.ts";

const MIB = 2 ** 20;

/** What a client needs. */
export interface ApiClientOptions {
  /** Asked before each request, so that what has rotated on disk is used. */
  readonly access: () => ApiResult<Access>;
  /** For one request from the connection to the last byte. */
  readonly timeoutMs?: number;
}

/** Speaks to the API server: one request at a time or many, each for itself. Nothing here rejects. */
export class ApiClient {
  readonly #access: () => ApiResult<Access>;
  readonly #timeoutMs: number;

  constructor({ access, timeoutMs = 10_000 }: ApiClientOptions) {
    this.#access = access;
    this.#timeoutMs = timeoutMs;
  }

  /** Sends a request. What went wrong is in the result, in one line without secrets. */
  async request<T>(request: ApiRequest<T>): Promise<ApiResult<T>> {
    const found = this.#access();
    if (!found.ok) return { ok: false, error: found.error };
    const access = found.value;
    const fail = (kind: ApiErrorKind, text: string): ApiResult<never> => {
      return { ok: false, error: new ApiError(kind, `${printable(access.server)} ${text}`) };
    };
    const url = buildUrl(access.server, request);
    if (url === null) return fail("rejected", "was not asked: a name that cannot be one");
    const largestAnswerBytes = request.largestAnswerBytes ?? MIB;
    const answer = await exchange(access, {
      method: request.method,
      url,
      body: request.body === undefined ? null : JSON.stringify(request.body),
      contentType: request.contentType ?? "application/json",
      timeoutMs: this.#timeoutMs,
      largestAnswerBytes,
      signal: request.signal,
    });
    switch (answer.outcome) {
      case "answer":
        return readAnswer(access, request, answer);
      case "timeout":
        return fail("timeout", `has not answered within ${this.#timeoutMs / 1000} s`);
      case "cancelled":
        return fail("unreachable", "was not waited for: the request was cancelled");
      case "too-large":
        return fail("garbage", `answers with more than ${largestAnswerBytes / MIB} MiB`);
      case "failed":
        return { ok: false, error: connectionError(access, answer.code) };
    }
  }
}
