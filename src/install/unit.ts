import text from "../../systemd/oom-guard.service" with { type: "text" };

/** The systemd unit, as `oom-guard install` places it. */
export const unitFile: string = text;
