import type { ClientPair } from "./certificate.ts";

/** What opens the API server's door. Only the client looks at it, and it goes into no message. */
export interface Secrets {
  /** PEM; null: the authorities Bun brings along. */
  readonly ca: string | null;
  readonly clientCert: string | null;
  readonly clientKey: string | null;
  readonly token: string | null;
}

/** What an access is made of. */
export interface AccessParts {
  /** `https://host:port/path`, no slash at its end. */
  readonly server: string;
  readonly serverName: string | null;
  readonly ca: string | null;
  readonly client: ClientPair | null;
  readonly token: string | null;
  /** The file (or files) all of this comes from, printable. */
  readonly source: string;
}

/** Pieces of a PEM text shorter than this are padding or chance. */
const SHORTEST_SECRET = 16;

/**
 * Secrets of a known shape that are not ours either: JSON web tokens, headers, PEM. A token begins where its characters
 * do, not at each dash among them: a megabyte of `eyJ-eyJ-` would be read a hundred thousand times.
 */
const SECRET_SHAPES =
  /(?<![\w-])eyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?|\bbearer\s+\S{16,}|-----BEGIN[\s\S]*?(?:-----END [A-Z ]*-----|$)/gi;

/**
 * Where the API server is and what opens it, as it was on disk a moment ago. Safe to print: the secrets are behind
 * a private field and a method, which neither JSON nor `inspect` follow.
 */
export class Access {
  readonly server: string;
  readonly serverName: string | null;
  readonly source: string;
  /** Of the client certificate. */
  readonly commonName: string | null;
  /** When the client certificate began to be valid. */
  readonly issued: Date | null;
  /** When the client certificate ends. */
  readonly expires: Date | null;
  readonly #secrets: Secrets;

  constructor({ server, serverName, ca, client, token, source }: AccessParts) {
    this.server = server;
    this.serverName = serverName;
    this.source = source;
    this.commonName = client?.commonName ?? null;
    this.issued = client?.issued ?? null;
    this.expires = client?.expires ?? null;
    this.#secrets = {
      ca,
      clientCert: client?.certificatePem ?? null,
      clientKey: client?.keyPem ?? null,
      token,
    };
  }

  /** For the request itself, and nothing else. */
  secrets(): Secrets {
    return this.#secrets;
  }

  /** "the token" and so on, for messages. */
  get credentials(): string {
    const { token, clientCert } = this.#secrets;
    if (token === null) return clientCert === null ? "the anonymous user" : "the client certificate";
    return clientCert === null ? "the token" : "the client certificate and the token";
  }

  /** Text of the server's without our secrets: it may echo what it was sent. To be done before the text is cut. */
  redact(text: string): string {
    const { token, ...pems } = this.#secrets;
    const pieces = Object.values(pems).flatMap((pem) => [
      ...(pem ?? "").split("\n").filter((line) => !line.startsWith("-----")),
      ...(pem === null ? [] : [btoa(pem)]),
    ]);
    const long = pieces.map((piece) => piece.trim()).filter(({ length }) => length >= SHORTEST_SECRET);
    const known = token === null ? long : [token, ...long];
    const without = known.reduce((rest, secret) => rest.replaceAll(secret, "[redacted]"), text);
    return without.replace(SECRET_SHAPES, "[redacted]");
  }
}
