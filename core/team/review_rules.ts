/**
 * What a reviewer looks for: one row a rule. Every pattern takes time in proportion to the text: no text can keep a thread busy.
 *
 * @module
 */

/** How much a finding matters. */
export type Severity = "error" | "warning" | "info";

/** One text under review. */
export interface ReviewedText {
  /** As it stands. */
  readonly text: string;
  /** The same with comments, strings and regular expressions blanked; empty for what is no JavaScript or TypeScript. */
  readonly code: string;
  /** Place of each line's first character. */
  readonly lineStarts: readonly number[];
  /** Bound of a line. */
  readonly lineCharsMax: number;
}

/** Something found at a place of the text. */
export interface Spot {
  /** Index of its first character. */
  readonly at: number;
  /** What is wrong, and what to do. */
  readonly message: string;
}

/** One rule. */
export interface ReviewRule {
  /** How much its findings matter. */
  readonly severity: Severity;
  /** The spots, in order of their places. */
  find(file: ReviewedText): Iterable<Spot>;
}

/** Name of a rule. */
export type ReviewRuleName =
  | "conflict-marker"
  | "secret"
  | "unbalanced-bracket"
  | "debugger"
  | "eval"
  | "empty-catch"
  | "loose-equality"
  | "console"
  | "todo-without-owner"
  | "trailing-whitespace"
  | "tab"
  | "line-too-long"
  | "no-final-newline";

/** Every rule by name. */
export const REVIEW_RULES: Readonly<Record<ReviewRuleName, ReviewRule>> = {
  "conflict-marker": { severity: "error", find: conflicts },
  "secret": {
    severity: "error",
    find: matching(
      "text",
      /\bAKIA[0-9A-Z]{16}\b|-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----|\bgh[opsru]_\w{36,255}|\b(?:api[_-]?key|secret|token|passw(?:or)?d)["']?\s{0,8}[:=]\s{0,8}["'][^"'\s]{8,200}["']/gi,
      "this looks like a secret: take it from the environment or a vault, and revoke this one.",
    ),
  },
  "unbalanced-bracket": { severity: "error", find: brackets },
  "debugger": { severity: "error", find: matching("code", /(?<![.\w$])debugger\b/g, "remove the debugger statement.") },
  "eval": {
    severity: "error",
    find: matching("code", /(?<![.\w$])(?:eval\s{0,8}\(|new\s{1,8}Function\s{0,8}\()/g, "code made from text: call a function instead."),
  },
  "empty-catch": {
    severity: "warning",
    find: matching(
      "code",
      /\bcatch\s{0,80}(?:\([^)]{0,80}\)\s{0,80})?\{\s{0,80}\}/g,
      "handle the error, or say in a comment why it may be dropped.",
    ),
  },
  "loose-equality": {
    severity: "warning",
    find: matching("code", /(?<![=!<>])[=!]=(?!=)(?!\s{0,8}null\b)/g, "compare with === or !== (== null may stay)."),
  },
  "console": {
    severity: "warning",
    find: matching("code", /(?<![.\w$])console\s{0,8}\./g, "output left behind: return it, throw it, or log it."),
  },
  "todo-without-owner": {
    severity: "info",
    find: matching("text", /\b(?:TODO|FIXME)\b(?!\([^)\n]{1,60}\))/g, "say who: TODO(name)."),
  },
  "trailing-whitespace": { severity: "info", find: trailingWhitespace },
  "tab": { severity: "info", find: matching("text", /\t+/g, "use spaces.") },
  "line-too-long": { severity: "info", find: longLines },
  "no-final-newline": { severity: "info", find: finalNewline },
};

function matching(view: "text" | "code", pattern: RegExp, message: string): ReviewRule["find"] {
  return function* (file) {
    for (const match of file[view].matchAll(pattern)) yield { at: match.index, message };
  };
}

function lineOf(file: ReviewedText, index: number): string {
  const line = file.text.slice(file.lineStarts[index], file.lineStarts[index + 1] ?? file.text.length);
  return line.endsWith("\n") ? line.slice(0, line.endsWith("\r\n") ? -2 : -1) : line;
}

function* trailingWhitespace(file: ReviewedText): Iterable<Spot> {
  for (const [index, start] of file.lineStarts.entries()) {
    const line = lineOf(file, index);
    const kept = line.trimEnd().length;
    if (kept < line.length) yield { at: start + kept, message: "remove the white space at the end of the line." };
  }
}

function* longLines(file: ReviewedText): Iterable<Spot> {
  for (const [index, start] of file.lineStarts.entries()) {
    const { length } = lineOf(file, index);
    if (length > file.lineCharsMax) {
      yield { at: start + file.lineCharsMax, message: `${length} characters; at most ${file.lineCharsMax}.` };
    }
  }
}

function* finalNewline({ text }: ReviewedText): Iterable<Spot> {
  if (text !== "" && !text.endsWith("\n")) yield { at: text.length, message: "end the file with a line end." };
}

/** A line of equals signs alone is a heading in some texts: it counts between the other two. */
function* conflicts(file: ReviewedText): Iterable<Spot> {
  let open = false;
  for (const [index, start] of file.lineStarts.entries()) {
    const marker = /^(?:<{7} |>{7} |={7}$)/.exec(lineOf(file, index))?.[0];
    if (marker === undefined || (marker === "=======" && !open)) continue;
    open = marker[0] !== ">";
    yield { at: start, message: "a merge was left unfinished: choose a side and remove the markers." };
  }
}

const OPENING: Readonly<Record<string, string>> = { ")": "(", "]": "[", "}": "{" };

/** The first bracket that does not fit; what follows it would be noise. */
function* brackets({ code }: ReviewedText): Iterable<Spot> {
  const open: { char: string; at: number }[] = [];
  for (const { 0: char, index: at } of code.matchAll(/[()[\]{}]/g)) {
    const wanted = OPENING[char];
    if (wanted === undefined) open.push({ char, at });
    else if (open.pop()?.char !== wanted) return yield { at, message: `${char} closes nothing that is open here.` };
  }
  const last = open.pop();
  if (last !== undefined) yield { at: last.at, message: `${last.char} is never closed.` };
}
