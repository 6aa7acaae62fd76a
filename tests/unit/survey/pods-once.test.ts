import { expect, test } from "bun:test";
import { ApiError, type ApiErrorKind, type ApiResult } from "../../../src/kubernetes/api-error.ts";
import type { NodePod } from "../../../src/kubernetes/node-pod.ts";
import { podsOnce } from "../../../src/survey/pods-once.ts";
import { pod } from "../discover/pods.ts";

const fails = (kind: ApiErrorKind): ApiResult<NodePod[]> => ({ ok: false, error: new ApiError(kind, kind) });

test.each<[string, () => Promise<ApiResult<NodePod[]>>, number, ApiErrorKind | null]>([
  ["an answer", async () => ({ ok: true, value: [pod("web")] }), 1, null],
  ["an error is told", async () => fails("forbidden"), 0, "forbidden"],
  ["no API server is no error", async () => fails("unconfigured"), 0, null],
  ["one that hangs is left alone", () => new Promise(() => undefined), 0, "timeout"],
])("%s", async (_, list, known, kind) => {
  const { pods, error } = await podsOnce(list, 50);
  expect([pods.size, error?.kind ?? null]).toEqual([known, kind]);
});

test("a hanging one is described", async () => {
  const { error } = await podsOnce(() => new Promise(() => undefined), 20);
  expect(error?.message).toBe("the API server did not answer within 0.02 s");
});
