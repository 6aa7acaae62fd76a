import { forbidCoreFiles } from "../../ffi/process.ts";
import { SysError } from "../../ffi/sys-error.ts";
import type { Config } from "../config/config.ts";

/** To be called before the credentials for the API server are read, so that no core file holds them. @param say why that is not to be had */
export function keepCredentials({ kubernetes }: Config, say: (message: string) => void): void {
  if (kubernetes.kubeconfig === "off") return;
  try {
    forbidCoreFiles();
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    say(`a core file of this process would hold its credentials (${error.message})`);
  }
}
