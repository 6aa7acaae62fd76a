/** What JSON.stringify leaves as it is although a terminal obeys it or an eye misses it; `text.ts` names the kinds. */
const UNSAFE =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]/gu;

/** A document on one line that ends with a newline. Untrusted text in it is exact for a parser, and harmless to look at. */
export function jsonDocument(value: unknown): string {
  return `${JSON.stringify(value).replace(UNSAFE, escapeUnits)}\n`;
}

function escapeUnits(character: string): string {
  return character.replace(/[\s\S]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
