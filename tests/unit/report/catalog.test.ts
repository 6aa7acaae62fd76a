import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import type { Incident, IncidentKind } from "../../../src/record/incident.ts";
import { createLog } from "../../../src/report/log.ts";
import { isIncident, type MessageKind, messageIds } from "../../../src/report/message-kind.ts";
import { logIncident } from "../../../src/report/reporter.ts";
import { DatagramReceiver } from "../../support/datagram-receiver.ts";
import { journalFields } from "../../support/journal-entry.ts";
import { incident } from "../record/incidents.ts";
import { UNSAFE } from "./hostile.ts";

const catalog = readFileSync(`${import.meta.dir}/../../../systemd/oom-guard.catalog`, "utf8");
const kinds = Object.keys(messageIds) as MessageKind[];

/** The entries as systemd's catalog_import_file reads them: comments are skipped, blank lines fold into one. */
function entries(): [id: string, text: string][] {
  const lines = catalog.split("\n").filter((line) => !/^[#;]/.test(line));
  const text = lines.join("\n").replace(/\n{3,}/g, "\n\n");
  return text
    .split(/^-- /m)
    .slice(1)
    .map((entry) => [entry.slice(0, 32), entry.slice(33).trimEnd()]);
}

const explained = new Map(entries());

/** What an incident is in the journal. */
function sent(told: Incident): Record<string, string> {
  const folder = mkdtempSync(`${tmpdir()}/oom-guard-catalog-`);
  const receiver = new DatagramReceiver(`${folder}/socket`);
  logIncident(createLog({ format: "journal", level: "info", journalSocket: `${folder}/socket` }), told);
  const [entry] = receiver.take();
  receiver.close();
  rmSync(folder, { recursive: true });
  return journalFields(entry!);
}

/** Everything unknown that may be. */
const unknown: Partial<Incident> = {
  namespace: null,
  pod: null,
  podUid: null,
  container: null,
  containerId: null,
  limitBytes: null,
  thresholdBytes: null,
  usageBytes: null,
  reclaimableBytes: null,
  decideMicros: null,
};
const HOSTILE = "\x1b[2Jgone";
const hostile = {
  namespace: HOSTILE,
  pod: HOSTILE,
  container: HOSTILE,
  cgroup: HOSTILE,
  containerId: HOSTILE,
};

describe("message ids", () => {
  test("are 128 bits in hexadecimal, each its own", () => {
    const ids = Object.values(messageIds);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
  });

  test.each([
    // These are written down in dashboards: a change here breaks them.
    ["kill", "aaffd08ec4f04c15a38e72597096a646"],
    ["would-kill", "54c10e9fb4ea4b17af88796f7a60d27f"],
    ["kernel-oom", "dd2308ee6d9a43aa9595ea1610498476"],
    ["stuck", "b5511b5b475f4ab0ab8610cab00d500f"],
  ] as const)("of %s stays", (kind, id) => {
    expect(messageIds[kind]).toBe(id);
    expect(sent(incident({ kind })).MESSAGE_ID).toBe(id);
  });
});

describe("the catalog", () => {
  test("explains each kind of message, and no other", () => {
    expect(entries().map(([id]) => id)).toEqual(kinds.map((kind) => messageIds[kind]));
  });

  test("ends its last line, and has none that a terminal of 80 columns would break", () => {
    expect(catalog).toEndWith("\n");
    for (const [, text] of entries())
      for (const line of text.split("\n")) expect(line.length).toBeLessThan(81);
  });

  test.each(kinds)("%s: a subject, who says it, where to ask, and a text", (kind) => {
    const [headers = "", ...paragraphs] = explained.get(messageIds[kind])!.split("\n\n");
    expect(headers.split("\n").map((line) => line.split(": ")[0])).toEqual([
      "Subject",
      "Defined-By",
      "Support",
    ]);
    expect(headers).toContain("\nDefined-By: oom-guard\n");
    expect(paragraphs.length).toBeGreaterThan(0);
  });

  test.each(kinds)("%s: names only fields that are always there, and safe for a terminal", (kind) => {
    const named = [...explained.get(messageIds[kind])!.matchAll(/@([A-Z0-9_]+)@/g)].map(([, name]) => name!);
    if (!isIncident(kind)) expect(named).toEqual([]);
    for (const about of [unknown, hostile]) {
      const fields = sent(incident({ ...about, kind: kind as IncidentKind }));
      for (const name of named) expect(fields[name]).toBeDefined();
      for (const name of named) expect(fields[name]).not.toMatch(UNSAFE);
    }
  });
});
