/**
 * Reads the part of regular expressions that can be matched in one pass over the text: characters, classes, groups, alternatives, repetitions,
 * anchors. What would need going back (references, looking around) is refused by name.
 *
 * @module
 */
import { InvalidArgumentError } from "../base/errors.ts";

/** A part of a pattern. */
export type PatternPart =
  | { readonly kind: "character"; readonly accepts: (character: string) => boolean }
  | { readonly kind: "anchor"; readonly anchor: Anchor }
  | { readonly kind: "sequence"; readonly items: readonly PatternPart[] }
  | { readonly kind: "choice"; readonly items: readonly PatternPart[] }
  | { readonly kind: "repeat"; readonly item: PatternPart; readonly least: number; readonly most: number };

/** A condition on a place between two characters. */
export type Anchor = "^" | "$" | "\\b" | "\\B";

const QUANTIFIER = /(?:[*+?]|\{(\d{1,3})(,(\d{0,3}))?\})\??/y;
const ESCAPE = /\\(?:x[\da-fA-F]{2}|u[\da-fA-F]{4}|u\{[\da-fA-F]{1,6}\}|[pP]\{[\w=]{1,60}\}|[dDwWsSnrtfv0])/y;
const CLASS = /\[\^?(?:\\.|[^\]\\])*\]/suy;
const NESTED_MAX = 50;
const CHARS_MAX = 500;

/** Reads a pattern. Throws `InvalidArgumentError` that names `field` and what cannot be read. */
export function readPattern(field: string, source: string, ignoreCase: boolean, dotAll: boolean): PatternPart {
  let at = 0;
  let depth = 0;
  const refuse = (why: string): never => {
    throw new InvalidArgumentError(field, source, `${why} at character ${at + 1} of the pattern.`);
  };
  const character = (piece: string): PatternPart => {
    try {
      return { kind: "character", accepts: remembered(new RegExp(`^(?:${piece})$`, `u${ignoreCase ? "i" : ""}${dotAll ? "s" : ""}`)) };
    } catch {
      return refuse("cannot read what stands"); // the runtime's own words would name a pattern that the caller has not written
    }
  };
  const piece = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(source)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  };
  const choice = (): PatternPart => {
    if (++depth > NESTED_MAX) refuse(`groups nested deeper than ${NESTED_MAX}`);
    const items = [sequence()];
    while (source[at] === "|") {
      at++;
      items.push(sequence());
    }
    depth--;
    return { kind: "choice", items };
  };
  const sequence = (): PatternPart => {
    const items: PatternPart[] = [];
    while (at < source.length && source[at] !== "|" && source[at] !== ")") items.push(repeated(single()));
    return { kind: "sequence", items };
  };
  const repeated = (item: PatternPart): PatternPart => {
    QUANTIFIER.lastIndex = at;
    const found = QUANTIFIER.exec(source);
    if (found === null) return item;
    if (item.kind === "anchor") refuse("an anchor cannot be repeated");
    at += found[0].length;
    const [sign, least, comma, most] = found;
    if (sign[0] !== "{") return { kind: "repeat", item, least: sign[0] === "+" ? 1 : 0, most: sign[0] === "?" ? 1 : Infinity };
    const bounds = { least: Number(least), most: comma === undefined ? Number(least) : most === "" ? Infinity : Number(most) };
    if (bounds.most < bounds.least) refuse("a repetition counts down");
    return { kind: "repeat", item, ...bounds };
  };
  const single = (): PatternPart => {
    const char = source[at];
    if (char === "(") return group();
    if (char === "^" || char === "$") return at++, { kind: "anchor", anchor: char };
    if (char === "[") return character(piece(CLASS) ?? refuse("a class is not closed"));
    if (char === "\\") return escape();
    if ("*+?{".includes(char)) refuse("nothing to repeat");
    const whole = String.fromCodePoint(source.codePointAt(at)!);
    at += whole.length;
    return character(whole === "." ? "." : literal(whole));
  };
  const group = (): PatternPart => {
    if (piece(/\((?:\?:|\?<[A-Za-z_$][\w$]*>|(?!\?))/y) === undefined) refuse("looking around is not supported");
    const inside = choice();
    if (source[at] !== ")") refuse("a group is not closed");
    at++;
    return inside;
  };
  const escape = (): PatternPart => {
    const next = source[at + 1];
    if (next === "b" || next === "B") return at += 2, { kind: "anchor", anchor: `\\${next}` };
    const known = piece(ESCAPE);
    if (known !== undefined) return character(known);
    if (next === undefined || /[\w]/.test(next)) refuse("references and unknown escapes are not supported");
    const whole = String.fromCodePoint(source.codePointAt(at + 1)!);
    at += 1 + whole.length;
    return character(literal(whole));
  };
  if (source.length > CHARS_MAX) refuse(`the pattern is longer than ${CHARS_MAX} characters`);
  const whole = choice();
  if (at < source.length) refuse("a group is closed that was not opened");
  return whole;
}

function literal(char: string): string {
  return `\\u{${char.codePointAt(0)!.toString(16)}}`;
}

/** A one-character test that asks the runtime once for each character. */
function remembered(pattern: RegExp): (character: string) => boolean {
  const known = new Map<string, boolean>();
  return (character) => {
    let accepted = known.get(character);
    if (accepted === undefined) known.set(character, accepted = pattern.test(character)); // as many as the text has different characters
    return accepted;
  };
}
