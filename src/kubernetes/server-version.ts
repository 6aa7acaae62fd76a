import * as v from "valibot";
import type { ApiResult } from "./api-error.ts";
import type { ApiClient } from "./client.ts";

const Version = v.pipe(
  v.object({ gitVersion: v.string() }),
  v.transform(({ gitVersion }) => gitVersion),
);

/** The server's version, such as "v1.20.2"; any text: print it escaped. Every user it knows may ask. */
export function serverVersion(client: ApiClient): Promise<ApiResult<string>> {
  return client.request({
    method: "GET",
    path: ["version"],
    right: { verb: "get", resource: "/version" },
    schema: Version,
  });
}
