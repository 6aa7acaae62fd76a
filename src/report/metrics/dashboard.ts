import dashboard from "./dashboard.json" with { type: "json" };

/** The dashboard for Grafana 9 and later, as `oom-guard print dashboard` prints it to be imported there. */
export const grafanaDashboard: string = `${JSON.stringify(dashboard, null, 2)}\n`;
