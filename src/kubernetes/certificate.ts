import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import type { Parsed } from "../config/parsed.ts";

/** A client certificate and its key, taken out of whatever else the files hold: kubelet keeps both in one. */
export interface ClientPair {
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly commonName: string | null;
  readonly issued: Date;
  readonly expires: Date;
}

/** The certificates of a PEM text, or why there are none; the text itself is in no message. */
export function readCertificates(pem: string): Parsed<string> {
  const blocks = blocksOf(pem, "CERTIFICATE");
  if (blocks.length === 0) return { ok: false, message: "holds no certificate (PEM)" };
  // Each one: with a broken one among them Bun says only that it could not open a socket.
  if (!blocks.every((block) => parseCertificate(block) !== null)) {
    return { ok: false, message: "holds a certificate that cannot be read (is it being written?)" };
  }
  return { ok: true, value: blocks.join("") };
}

/** The pair, if the one belongs to the other: while they rotate they may not, for a moment. */
export function readClientPair(certificatePem: string, keyPem: string): Parsed<ClientPair> {
  const certificates = readCertificates(certificatePem);
  if (!certificates.ok) return { ok: false, message: `the client certificate ${certificates.message}` };
  const key = blocksOf(keyPem, "(?:[A-Z]+ )?PRIVATE KEY")[0];
  if (key === undefined) return { ok: false, message: "the client key holds no private key (PEM)" };
  const privateKey = parseKey(key);
  if (privateKey === null) {
    return { ok: false, message: "the client key cannot be read (is it encrypted, or being written?)" };
  }
  const leaf = parseCertificate(certificates.value);
  if (leaf === null || !belongs(leaf, privateKey)) {
    const message =
      "the client certificate and the client key do not belong together (are they being rotated?)";
    return { ok: false, message };
  }
  return {
    ok: true,
    value: {
      certificatePem: certificates.value,
      keyPem: key,
      commonName: /^CN=(.+)$/m.exec(leaf.subject)?.[1] ?? null,
      issued: new Date(leaf.validFrom),
      expires: new Date(leaf.validTo),
    },
  };
}

function blocksOf(pem: string, label: string): string[] {
  const block = new RegExp(`-----BEGIN (${label})-----[^-]*-----END \\1-----`, "g");
  return [...pem.matchAll(block)].map(([text]) => `${text}\n`);
}

function parseCertificate(pem: string): X509Certificate | null {
  try {
    return new X509Certificate(pem);
  } catch {
    return null;
  }
}

function parseKey(pem: string): KeyObject | null {
  try {
    return createPrivateKey(pem);
  } catch {
    return null;
  }
}

function belongs(certificate: X509Certificate, key: KeyObject): boolean {
  try {
    return certificate.checkPrivateKey(key);
  } catch {
    return false;
  }
}
