import { IN_CREATE, Inotify } from "../../ffi/inotify.ts";
import { SysError } from "../../ffi/sys-error.ts";
import { type Finding, ok, warn } from "./check.ts";

/** Are new containers noticed at once? Other programs of root share the limits. @param directory to watch for a moment */
export function checkInotify(directory: string): Finding {
  const opened = open();
  if (opened instanceof SysError) {
    return warn(
      `${opened.message}: new containers are noticed up to a second late`,
      "raise fs.inotify.max_user_instances (sysctl), or end what uses them up",
    );
  }
  try {
    opened.watch(directory, IN_CREATE);
    return ok("new containers are noticed at once");
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    return warn(
      `${error.message}: new containers are noticed up to a second late`,
      "raise fs.inotify.max_user_watches (sysctl), or end what uses them up",
    );
  } finally {
    opened.close();
  }
}

function open(): Inotify | SysError {
  const nothing = () => undefined;
  try {
    return new Inotify(nothing, nothing);
  } catch (error) {
    if (error instanceof SysError) return error;
    throw error;
  }
}
