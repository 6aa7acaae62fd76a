import { close, openFile } from "../../ffi/file.ts";
import { SysError } from "../../ffi/sys-error.ts";
import { type Finding, ok, warn } from "./check.ts";

const O_NONBLOCK = 0o4000;

/** Can the kernel's log be read? @param devRoot usually "/dev" */
export function checkKmsg(devRoot: string): Finding {
  const path = `${devRoot}/kmsg`;
  try {
    close(openFile(path, O_NONBLOCK));
    return ok(`${path} can be read: it names whom the kernel's OOM killer killed`);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    const lost = "kernel kills are seen in armed cgroups only, without the victim's name";
    return warn(
      `${error.message}: ${lost}`,
      "let oom-guard read it: CAP_SYSLOG or kernel.dmesg_restrict=0; in a container, give it the device",
    );
  }
}
