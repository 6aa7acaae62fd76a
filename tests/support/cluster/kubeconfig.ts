import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Certificate } from "./pki.ts";

/** Who the client is: one of the ways that kubeconfigs know. */
export type User = Certificate | { readonly token: string } | { readonly tokenFile: string };

export interface KubeconfigOptions {
  readonly server: string;
  /** A file. */
  readonly ca: string;
  readonly user: User;
  /** Certificates and key inside of it (`-data`) instead of as paths. */
  readonly embed?: boolean;
}

/** Writes DIRECTORY/NAME.kubeconfig, laid out as `kubectl config` does. @returns its path */
export function writeKubeconfig(directory: string, name: string, options: KubeconfigOptions): string {
  const { server, ca, user, embed = false } = options;
  const file = (key: string, path: string) =>
    embed ? `${key}-data: ${readFileSync(path).toString("base64")}` : `${key}: ${path}`;
  const credentials =
    "cert" in user
      ? [file("client-certificate", user.cert), file("client-key", user.key)]
      : Object.entries(user).map(([key, value]) => `${key}: ${value}`);
  const path = join(directory, `${name}.kubeconfig`);
  const text = `apiVersion: v1
clusters:
- cluster:
    ${file("certificate-authority", ca)}
    server: ${server}
  name: test
contexts:
- context:
    cluster: test
    user: test
  name: test
current-context: test
kind: Config
preferences: {}
users:
- name: test
  user:
    ${credentials.join("\n    ")}
`;
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}
