import type { Config } from "../config/config.ts";
import { ApiClient } from "../kubernetes/client.ts";
import { ClusterAccess } from "../kubernetes/cluster-access.ts";
import { keepCredentials } from "./keep-credentials.ts";

/** What a command that ends asks the API server with. */
export interface ClusterClient {
  readonly client: ApiClient;
  readonly nodeName: string;
}

/** @param timeoutMs by then a request is over */
export function clusterClient(config: Config, timeoutMs: number): ClusterClient {
  keepCredentials(config, () => undefined);
  const access = new ClusterAccess(config.kubernetes, process.env);
  return {
    client: new ApiClient({ access: () => access.read(), timeoutMs }),
    nodeName: access.nodeName(),
  };
}
