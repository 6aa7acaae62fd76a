import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A certificate and its key, as files and as text. */
export interface Issued {
  readonly certPath: string;
  readonly keyPath: string;
  readonly cert: string;
  readonly key: string;
}

/** What is in a certificate. Dates as openssl wants them: YYYYMMDDHHMMSSZ. */
export interface Issue {
  readonly subject?: string;
  readonly names?: string;
  readonly from?: string;
  readonly to?: string;
}

const CONFIG = `[ca]
default_ca = this
[this]
database = index.txt
serial = serial
new_certs_dir = issued
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
organizationName = optional
commonName = supplied
`;

/** A certificate authority in a temporary folder; `openssl ca`, since `openssl x509` of 3.0 cannot date back. */
export class Authority {
  readonly folder = mkdtempSync(join(tmpdir(), "oom-guard-authority-"));
  readonly certPath = join(this.folder, "ca.crt");
  readonly cert: string;

  constructor() {
    mkdirSync(join(this.folder, "issued"));
    for (const [name, text] of Object.entries({ "ca.cnf": CONFIG, "index.txt": "", serial: "01\n" })) {
      writeFileSync(join(this.folder, name), text);
    }
    this.#key("ca.key");
    this.#run(
      "req",
      "-x509",
      "-new",
      "-key",
      "ca.key",
      "-subj",
      "/CN=test",
      "-days",
      "3650",
      "-out",
      "ca.crt",
    );
    this.cert = readFileSync(this.certPath, "utf8");
  }

  /** Issues a certificate; a server's for 127.0.0.1 and localhost unless told otherwise. */
  issue(name: string, { subject, names, from, to }: Issue = {}): Issued {
    const [cert, key] = [`${name}.crt`, `${name}.key`];
    this.#key(key);
    const alt = `subjectAltName=${names ?? "IP:127.0.0.1,DNS:localhost"}`;
    this.#run("req", "-new", "-key", key, "-subj", subject ?? "/CN=x", "-addext", alt, "-out", "request");
    const dates = ["-startdate", from ?? "20200101000000Z", "-enddate", to ?? "20991231000000Z"];
    const authority = ["-config", "ca.cnf", "-cert", "ca.crt", "-keyfile", "ca.key"];
    this.#run("ca", "-batch", "-notext", ...authority, ...dates, "-in", "request", "-out", cert);
    const [certPath, keyPath] = [join(this.folder, cert), join(this.folder, key)];
    return { certPath, keyPath, cert: readFileSync(certPath, "utf8"), key: readFileSync(keyPath, "utf8") };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  #key(name: string): void {
    this.#run("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", name);
  }

  #run(...args: string[]): void {
    const { exitCode, stderr } = Bun.spawnSync(["openssl", ...args], { cwd: this.folder, stderr: "pipe" });
    if (exitCode !== 0) throw new Error(`openssl ${args.join(" ")}: ${stderr}`);
  }
}
