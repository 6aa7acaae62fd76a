/** Names that somebody who may create a pod, or name a process, could choose. */
export const hostileNames: readonly [string, string][] = [
  ["a line break", "web\n0"],
  ["a carriage return", "web\rroot: all is well"],
  ["a tab", "a\tb"],
  ["a NUL", "a\0b"],
  ["an escape sequence", "\x1b[2J\x1b[31mred\x1b[0m"],
  ["a terminal title", "\x1b]0;owned\x07"],
  ["a C1 control", "a\x9b31mb\x85c"],
  ["DEL", "a\x7fb"],
  ["a bidi override", "abc\u202etxt.exe"],
  ["bidi isolates", "\u2066a\u2069\u200f\u061c"],
  ["zero-width characters", "a\u200bb\u200c\u200d\u2060\ufeffc"],
  ["line and paragraph separators", "a\u2028b\u2029c"],
  ["a soft hyphen and a filler", "a\u00adb\u3164c\u115f"],
  ["language tags", "a\u{e0041}\u{e007f}b"],
  ["variation selectors", "a\ufe0fb\u{e0100}"],
  ["a lone high surrogate", "a\ud800b"],
  ["a lone low surrogate at the end", "a\udc00"],
  ["a private-use character", "a\ue000\u{f0000}b"],
  ["a noncharacter", "a\uffffb\u{1ffff}"],
  ["a journal priority", "<0>panic"],
  ["quotes and equals signs", 'a="b" msg=x'],
  ["wide characters", "日本語のとても長いコンテナの名前です".repeat(8)],
  ["combining marks", `e${"\u0301".repeat(200)}`],
  ["emoji of several parts", "👨‍👩‍👧‍👦👍🏽🇩🇪".repeat(6)],
  ["a very long name", "x".repeat(5000)],
  ["nothing", ""],
  ["blanks", "   "],
];

/** Nothing that moves the cursor, changes the direction, or cannot be seen; line breaks where the program made them. */
export const UNSAFE = /(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
