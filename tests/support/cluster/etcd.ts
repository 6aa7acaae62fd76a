import { join } from "node:path";
import { Daemon } from "../daemon.ts";
import { freePort } from "./free-port.ts";

/** Starts an etcd on loopback and waits until it answers. */
export async function startEtcd(directory: string): Promise<{ daemon: Daemon; url: string }> {
  const [url, peer] = [freePort(), freePort()].map((port) => `http://127.0.0.1:${port}`) as [string, string];
  const flags = {
    "data-dir": join(directory, "etcd"),
    "listen-client-urls": url,
    "advertise-client-urls": url,
    "listen-peer-urls": peer,
    "initial-advertise-peer-urls": peer,
    "initial-cluster": `default=${peer}`,
  };
  const argv = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  const daemon = new Daemon(["etcd", ...argv], join(directory, "etcd.log"));
  await daemon.ready(async () => (await fetch(`${url}/health`).catch(() => null))?.ok === true);
  return { daemon, url };
}
