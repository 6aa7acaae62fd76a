import { close, openFile } from "../../ffi/file.ts";
import { SysError } from "../../ffi/sys-error.ts";
import { type Finding, ok, warn } from "./check.ts";

const O_NONBLOCK = 0o4000;

/** Can the kernel's log be read? @param devRoot usually "/dev" */
export function checkKmsg(devRoot: string): Finding {
  const path = `${devRoot}/kmsg`;
  try {
    close(openFile(path, O_NONBLOCK));
    return ok(`${path} can be read`);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    return warn(
      `${error.message}: what the kernel kills is seen by notification only`,
      "give it CAP_SYSLOG, and let it have /dev/kmsg (in a unit: no PrivateDevices=, no ProtectKernelLogs=)",
    );
  }
}
