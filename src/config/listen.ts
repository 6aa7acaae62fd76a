import { isIPv6 } from "node:net";
import type { Parsed } from "./parsed.ts";

/** Where the metrics endpoint listens. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

const LOOPBACK = "127.0.0.1";
const ALLOWED = 'must be "off", a port, or "host:port" as in "127.0.0.1:9841" or "[::1]:9841"';

/**
 * Reads "9841", ":9841", "127.0.0.1:9841", "node.local:9841" or "[::1]:9841". Without a host it is the loopback address:
 * nobody should serve a network by leaving something out. "off" is the caller's business.
 */
export function parseListen(input: string): Parsed<ListenAddress> {
  const match = /^(?:(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}))?:)?(\d{1,5})$/.exec(input);
  const port = Number(match?.[2]);
  if (match === null) return { ok: false, message: ALLOWED };
  if (port < 1 || port > 65_535) return { ok: false, message: "must have a port from 1 to 65535" };
  const host = match[1]?.replace(/^\[|\]$/g, "") ?? LOOPBACK;
  if (match[1]?.startsWith("[") && !isIPv6(host)) return { ok: false, message: ALLOWED };
  return { ok: true, value: { host, port } };
}

/** Whether only processes of this node reach it. */
export function isLoopback({ host }: ListenAddress): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}
