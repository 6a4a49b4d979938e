/**
 * JavaScript and TypeScript with comments, strings and regular expressions blanked, so that a rule about code is not fooled by prose. A scanner and
 * not a parser: it knows just enough of the syntax to tell the four apart, and is done in one pass.
 *
 * @module
 */

/** Stands for a blanked character; no space, so that a block that holds only a comment does not look empty. */
const BLANK = "·";
/** One that is longer counts as a division: the look ahead from each slash must have an end. */
const REGEX_LITERAL = /\/(?:\\.|\[(?:\\.|[^\]\\\n]){0,200}\]|[^/\\[\n]){1,200}\/[a-z]*/y;
/** What a regular expression may follow; a slash behind anything else divides. */
const REGEX_FOLLOWS = /(?:^|[(,=:[!&|?{};+\-*%~^<>}]|(?:^|[^\w$.])(?:return|typeof|case|in|of|yield|await))$/;
const WORD_CHARS_MAX = 12;

/** The text with everything blanked that is no code; same length, same lines. */
export function maskCode(text: string): string {
  const pieces: string[] = [];
  /** For each open template, how many braces are open inside its `${`. */
  const templates: number[] = [];
  let codeFrom = 0;
  let at = 0;
  let before = "";
  const blankUntil = (end: number): void => {
    pieces.push(text.slice(codeFrom, at), blank(text.slice(at, end)));
    codeFrom = at = end;
  };
  while (at < text.length) {
    const char = text[at];
    const next = text[at + 1];
    if (char === "/" && next === "/") blankUntil(lineEnd(text, at));
    else if (char === "/" && next === "*") blankUntil(closing(text, "*/", at + 2));
    else if (char === '"' || char === "'") {
      blankUntil(quotedEnd(text, at));
      before = ")"; // a value: a slash behind it divides
    } else if (char === "`" || (char === "}" && templates.at(-1) === 0)) {
      if (char === "}") templates.pop();
      const end = templateEnd(text, at + 1);
      const opens = text[end - 1] === "{" && text[end - 2] === "$";
      if (opens) templates.push(0);
      blankUntil(end);
      before = opens ? "(" : ")";
    } else if (char === "/" && REGEX_FOLLOWS.test(before)) {
      const end = regexEnd(text, at);
      if (end > at + 1) blankUntil(end);
      else at++;
      before = ")";
    } else {
      if (templates.length > 0 && char === "{") templates[templates.length - 1]++;
      if (templates.length > 0 && char === "}") templates[templates.length - 1]--;
      if (char > " ") before = text.slice(Math.max(codeFrom, at - WORD_CHARS_MAX), at + 1);
      at++;
    }
  }
  pieces.push(text.slice(codeFrom));
  return pieces.join("");
}

function blank(text: string): string {
  return text.replace(/[^\n]/g, BLANK);
}

function lineEnd(text: string, from: number): number {
  const at = text.indexOf("\n", from);
  return at === -1 ? text.length : at;
}

function closing(text: string, mark: string, from: number): number {
  const at = text.indexOf(mark, from);
  return at === -1 ? text.length : at + mark.length;
}

/** Behind the closing quote, or at the end of the line. */
function quotedEnd(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === text[from]) return at + 1;
    else if (text[at] === "\n") return at;
  }
  return text.length;
}

/** Behind the backtick, or behind the next `${`. */
function templateEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === "`") return at + 1;
    else if (text[at] === "$" && text[at + 1] === "{") return at + 2;
  }
  return text.length;
}

/** Behind the flags, or behind the slash itself when none closes on this line. */
function regexEnd(text: string, from: number): number {
  REGEX_LITERAL.lastIndex = from;
  return REGEX_LITERAL.test(text) ? REGEX_LITERAL.lastIndex : from + 1;
}
