import text from "../../systemd/oom-guard.catalog" with { type: "text" };

/** What journalctl -x says about oom-guard's messages (systemd's "Journal Message Catalogs"). */
export const catalogFile: string = text;
