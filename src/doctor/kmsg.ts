import { close, openFile } from "../../ffi/file.ts";
import { SysError } from "../../ffi/sys-error.ts";
import { type Finding, ok, skip } from "./check.ts";

const O_NONBLOCK = 0o4000;

/** Can the kernel's log be read? @param devRoot usually "/dev" */
export function checkKmsg(devRoot: string): Finding {
  const path = `${devRoot}/kmsg`;
  try {
    close(openFile(path, O_NONBLOCK));
    return ok(`${path} can be read (not needed: kernel kills are seen by notification)`);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    return skip(`${error.message}; not needed: kernel kills are seen by notification`);
  }
}
