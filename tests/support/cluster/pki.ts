import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Files in PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateRequest {
  readonly commonName: string;
  /** The group of a client. */
  readonly organization?: string;
  /** For 127.0.0.1 and localhost; otherwise a client's. */
  readonly server?: boolean;
  /** Was valid in 2020. */
  readonly expired?: boolean;
}

const EC_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/** A certificate authority of a test's own. Making one or issuing with it takes some 20 ms. */
export class CertificateAuthority implements Certificate {
  readonly cert: string;
  readonly key: string;
  readonly #directory: string;
  #issued = 0;

  constructor(directory: string, name = "oom-guard test CA") {
    mkdirSync(directory, { recursive: true });
    this.#directory = directory;
    this.cert = join(directory, "ca.crt");
    this.key = join(directory, "ca.key");
    writeFileSync(join(directory, "ca.cnf"), config(directory));
    writeFileSync(join(directory, "index.txt"), "");
    const out = ["-keyout", this.key, "-out", this.cert];
    openssl(["req", "-x509", ...EC_KEY, ...out, "-days", "2", "-subj", `/CN=${name}`]);
  }

  issue({ commonName, organization, server, expired }: CertificateRequest): Certificate {
    const base = join(this.#directory, String(++this.#issued));
    const files = { cert: `${base}.crt`, key: `${base}.key` };
    const subject = `${organization === undefined ? "" : `/O=${organization}`}/CN=${commonName}`;
    openssl(["req", "-new", ...EC_KEY, "-keyout", files.key, "-out", `${base}.csr`, "-subj", subject]);
    // "openssl x509 -req" cannot set the dates before OpenSSL 3.4.
    openssl([
      "ca",
      "-batch",
      "-notext",
      ...["-config", join(this.#directory, "ca.cnf"), "-cert", this.cert, "-keyfile", this.key],
      ...["-extensions", server ? "server" : "client", "-in", `${base}.csr`, "-out", files.cert],
      ...(expired ? ["-startdate", "20200101000000Z", "-enddate", "20200201000000Z"] : ["-days", "2"]),
    ]);
    return files;
  }
}

function config(directory: string): string {
  return `[ca]
default_ca = authority
[authority]
database = ${directory}/index.txt
new_certs_dir = ${directory}
rand_serial = yes
default_md = sha256
policy = names
unique_subject = no
[names]
organizationName = optional
commonName = supplied
[server]
subjectAltName = IP:127.0.0.1,DNS:localhost
extendedKeyUsage = serverAuth
[client]
extendedKeyUsage = clientAuth
`;
}

function openssl(args: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(["openssl", ...args]);
  if (exitCode !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`);
}
