import * as v from "valibot";
import { parseDuration } from "./duration.ts";
import { parseListen } from "./listen.ts";
import type { Parsed } from "./parsed.ts";
import { parseSize } from "./size.ts";

// The kinds of value a setting may have. The message of each is the end of the line the user reads:
// `config FILE: KEY = VALUE: <message>`. What a type error and a range error have in common is said once.

/** One of a few words. */
export function oneOf<const T extends readonly string[]>(...words: T) {
  return v.picklist(words, `must be one of ${words.join(", ")}`);
}

/** A list whose items all follow one schema. */
export function listOf<const T extends v.GenericSchema<unknown, unknown>>(
  item: T,
  of: string,
  atLeast: 0 | 1,
) {
  const message = `must be a list of ${of}`;
  return v.pipe(v.array(item, message), v.minLength(atLeast, `${message}, at least one`));
}

/** Share of the limit. */
export const ratio = number("must be a number above 0 and below 1", (value) => value > 0 && value < 1);

/** The same as a flag's text; anything that is not a plain decimal number is left for `ratio` to refuse. */
export const ratioText = v.pipe(
  v.string(),
  v.transform((text) => (/^-?(\d+\.?\d*|\.\d+)(e-?\d+)?$/i.test(text) ? Number(text) : Number.NaN)),
  ratio,
);

/** A size of at least one page: a smaller margin is none, and a cache floor of 0 would forbid every kill. */
export const size = parsed(parseSize, (bytes) => (bytes < 4096 ? 'must be at least "4K", one page' : null));

/** A size, or "margin": as much as the cgroup's own margin. */
export const cacheFloor = v.lazy((input) => {
  if (input === "margin") return v.literal("margin");
  const meantAsSize = typeof input === "number" || (typeof input === "string" && /^[-+.]?\d/.test(input));
  return meantAsSize ? size : v.never('must be "margin", or bytes or a size like "50M"');
});

/** A time between two bounds, both as the user would write them. */
export function duration(shortest: string, longest: string) {
  const [from, to] = [parseDuration(shortest), parseDuration(longest)];
  if (!from.ok || !to.ok) throw new TypeError(`not a duration: ${shortest} or ${longest}`);
  return parsed(parseDuration, (milliseconds) =>
    milliseconds < from.value || milliseconds > to.value ? `must be from ${shortest} to ${longest}` : null,
  );
}

/**
 * An absolute path without "." and ".." segments; doubled and trailing slashes are taken out.
 * @param must the message
 * @param also what is allowed beside such a path: words, or a narrower idea of the path
 */
export function absolutePath(
  must: string,
  also: { words?: readonly string[]; only?: (path: string) => boolean } = {},
) {
  const allowed = (text: string) =>
    also.words?.includes(text) || (isAbsolutePath(text) && (also.only === undefined || also.only(text)));
  return v.pipe(v.string(must), v.check(allowed, must), v.transform(withoutSpareSlashes));
}

/** A glob as Bun.Glob reads it. An unclosed bracket would silently match nothing, so it is refused. */
export const glob = v.pipe(
  v.string("must be a glob (text)"),
  v.check(isGlob, "must be a glob that is not empty, at most 256 characters, brackets closed"),
);

/** A glob below the mount of the memory hierarchy. */
export const cgroupRoot = v.pipe(
  absolutePath('must be an absolute glob without "..", relative to the cgroup mount, as in "/kubepods"'),
  v.check(isGlob, "must be a glob of at most 256 characters, brackets closed"),
);

/** Where metrics are served, or "off". A bare port may also be a number. */
export const listenAddress = v.pipe(
  v.union([v.string(), v.pipe(v.number(), v.transform(String))], 'must be "off", a port, or "host:port"'),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed || dataset.value === "off") return;
    const address = parseListen(dataset.value);
    if (!address.ok) addIssue({ message: address.message });
  }),
);

/** A TOML table with these keys, each optional. Keys that are not among them are `unknownKeys`' business. */
export function table<const T extends v.ObjectEntries>(entries: T, message: string) {
  return v.pipe(v.custom<Record<string, unknown>>(isTable, message), v.object(entries));
}

/** Whether a parsed TOML value is a table, and not a list or a date. */
export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** Text that a pattern describes completely. */
export function matching(pattern: RegExp, message: string) {
  return v.pipe(v.string(message), v.regex(pattern, message));
}

function number(message: string, allowed: (value: number) => boolean) {
  return v.pipe(v.number(message), v.check(allowed, message));
}

function parsed(parse: (input: string | number) => Parsed<number>, refuse: (value: number) => string | null) {
  const wrongType = parse("");
  return v.pipe(
    v.union([v.string(), v.number()], wrongType.ok ? "must be text or a number" : wrongType.message),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      const result = parse(dataset.value);
      const message = result.ok ? refuse(result.value) : result.message;
      if (message !== null) addIssue({ message });
      return result.ok && message === null ? result.value : NEVER;
    }),
  );
}

function isAbsolutePath(text: string): boolean {
  return (
    text.startsWith("/") &&
    !/\p{Cc}/u.test(text) &&
    !text.split("/").some((part) => part === "." || part === "..")
  );
}

function withoutSpareSlashes(path: string): string {
  return path.replace(/\/{2,}/g, "/").replace(/(?<=.)\/$/, "");
}

function isGlob(text: string): boolean {
  if (text === "" || text.length > 256) return false;
  const bare = text.replace(/\\./g, "");
  const count = (character: string) => bare.split(character).length;
  return count("[") === count("]") && count("{") === count("}") && !bare.endsWith("\\");
}
