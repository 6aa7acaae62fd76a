/** One test that did not pass, with what the test framework said. */
export interface Failure {
  readonly name: string;
  readonly message: string;
}

/** What one test file came to. */
export interface Counts {
  readonly passed: number;
  readonly skipped: number;
  readonly failures: readonly Failure[];
}

// bun escapes "<" and ">" inside attributes and texts, so a tag ends at the first ">".
const testcase = /<testcase\s([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g;
const problem = /<(?:failure|error)\s([^>]*?)(?:\/>|>([\s\S]*?)<\/(?:failure|error)>)/;

/** Reads the report of `bun test --reporter=junit`; null when it is none. */
export function parseJunit(xml: string): Counts | null {
  if (!xml.includes("</testsuites>")) return null;
  let passed = 0;
  let skipped = 0;
  const failures: Failure[] = [];
  for (const [, attributes = "", body = ""] of xml.matchAll(testcase)) {
    const failed = problem.exec(body);
    if (failed !== null) {
      const message = decode(failed[2] ?? "").trim() || attribute(failed[1] ?? "", "message");
      failures.push({ name: nameOf(attributes), message });
    } else if (body.includes("<skipped")) skipped++;
    else passed++;
  }
  return { passed, skipped, failures };
}

function nameOf(attributes: string): string {
  const group = attribute(attributes, "classname");
  const name = attribute(attributes, "name");
  return group === "" ? name : `${group} > ${name}`;
}

function attribute(attributes: string, name: string): string {
  return decode(new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(attributes)?.[1] ?? "");
}

const entities: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };

function decode(text: string): string {
  return text.replace(/&(?:#(\d+)|#x([\da-f]+)|(\w+));/gi, (whole, decimal, hexadecimal, name) => {
    if (name !== undefined) return entities[name] ?? whole;
    return String.fromCodePoint(decimal === undefined ? Number.parseInt(hexadecimal, 16) : Number(decimal));
  });
}
