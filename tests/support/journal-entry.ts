const NEWLINE = 10;

/**
 * An entry as journald reads it (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/, process_native_message): each field with
 * all its values.
 * @throws for what journald would drop in silence, or read otherwise than it was meant
 */
export function parseJournalEntry(data: Buffer): Map<string, Buffer[]> {
  const fields = new Map<string, Buffer[]>();
  let at = 0;
  while (at < data.length) {
    const end = data.indexOf(NEWLINE, at);
    if (end < 0) throw new Error("noise after the last field");
    if (end === at) throw new Error("an empty line: a second entry begins");
    const equals = data.subarray(at, end).indexOf("=");
    const name = data.toString("latin1", at, equals < 0 ? end : at + equals);
    if (!/^[A-Z][A-Z0-9_]{0,63}$/.test(name)) throw new Error(`no name of a field: ${name}`);
    let value = data.subarray(at + equals + 1, end);
    at = end + 1;
    if (equals < 0) {
      const length = Number(data.readBigUInt64LE(at));
      value = data.subarray(at + 8, at + 8 + length);
      at += 8 + length + 1;
      if (value.length !== length || data[at - 1] !== NEWLINE) throw new Error(`${name} has another length`);
    }
    fields.set(name, [...(fields.get(name) ?? []), value]);
  }
  return fields;
}

/** The same as text, for fields that are there once. */
export function journalFields(data: Buffer): Record<string, string> {
  return Object.fromEntries(
    [...parseJournalEntry(data)].map(([name, values]) => {
      if (values.length !== 1) throw new Error(`${name} is there ${values.length} times`);
      return [name, values[0]!.toString("utf8")];
    }),
  );
}
