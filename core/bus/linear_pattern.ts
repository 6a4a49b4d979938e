/**
 * Regular expressions that cannot hang: all alternatives are followed at once, one character of the text after the other, so the work is at most
 * states × characters, whatever the pattern (Thompson's construction, Pike's simulation; see Russ Cox, "Regular Expression Matching Can Be
 * Simple And Fast"). The engine's own RegExp needs minutes for `(a+)+$` on thirty letters.
 *
 * The syntax is RegExp's without flags, less look-around and back references: literals, `.`, `[a-z]`, `\d \w \s \D \W \S \b \B`, `^ $`, groups, `|`,
 * `* + ? {n} {n,} {n,m}` (lazy forms mean the same: only whether it matches is asked).
 *
 * @module
 */
import { InvalidArgumentError } from "../base/errors.ts";
import { FILTER_PATTERN_LENGTH_MAX } from "../base/limits.ts";

/** States of one program: `{n,m}` multiplies them. */
const STATES_MAX = 1_024;

/** One step: what it consumes or demands, and where it goes on. Programs end with `match`. */
type Step =
  | { readonly op: "unit"; readonly set: UnitSet }
  | { readonly op: "fork"; to: number; or: number }
  | { readonly op: "begin" | "end" | "boundary" | "inside" | "match" };

/** UTF-16 units by ranges. */
interface UnitSet {
  readonly ranges: readonly (readonly [from: number, to: number])[];
  readonly negated: boolean;
}

const DIGIT: UnitSet["ranges"] = [[48, 57]];
const WORD: UnitSet["ranges"] = [[48, 57], [65, 90], [95, 95], [97, 122]];
const SPACE: UnitSet["ranges"] = [
  ...[[9, 13], [32, 32], [0xa0, 0xa0], [0x1680, 0x1680], [0x2000, 0x200a], [0x2028, 0x2029], [0x202f, 0x202f], [0x205f, 0x205f]],
  ...[[0x3000, 0x3000], [0xfeff, 0xfeff]],
] as [number, number][];
const LINE_ENDS: UnitSet["ranges"] = [[10, 10], [13, 13], [0x2028, 0x2029]];
const CLASSES: Readonly<Record<string, UnitSet>> = {
  d: { ranges: DIGIT, negated: false },
  D: { ranges: DIGIT, negated: true },
  w: { ranges: WORD, negated: false },
  W: { ranges: WORD, negated: true },
  s: { ranges: SPACE, negated: false },
  S: { ranges: SPACE, negated: true },
};
const CONTROLS: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, v: 11, f: 12, 0: 0 };

function has({ ranges, negated }: UnitSet, unit: number): boolean {
  for (const [from, to] of ranges) if (unit >= from && unit <= to) return !negated;
  return negated;
}

function isWord(text: string, at: number): boolean {
  return at >= 0 && at < text.length && WORD.some(([from, to]) => text.charCodeAt(at) >= from && text.charCodeAt(at) <= to);
}

/** A compiled pattern. */
export class LinearPattern {
  readonly #steps: readonly Step[];
  readonly #seen: Int32Array;
  #stamp = 0;

  /** Throws `InvalidArgumentError` naming `field` for what is no pattern, or one with look-around or back references. */
  constructor(source: string, field = "pattern") {
    this.#steps = new Compiler(source, field).compile();
    this.#seen = new Int32Array(this.#steps.length);
  }

  /** Whether the pattern occurs in the text. */
  test(text: string): boolean {
    const active: number[] = [];
    const next: number[] = [];
    for (let at = 0; at <= text.length; at++) {
      this.#stamp = (this.#stamp + 1) | 0 || 1;
      // What was reached by consuming comes first, then a fresh start here.
      for (const from of active) if (this.#follow(from, text, at, next)) return true;
      if (this.#follow(0, text, at, next)) return true;
      active.length = 0;
      if (at < text.length) {
        const unit = text.charCodeAt(at);
        for (const state of next) {
          const step = this.#steps[state];
          if (step.op === "unit" && has(step.set, unit)) active.push(state + 1);
        }
      }
      next.length = 0;
    }
    return false;
  }

  /** Collects the units that may come next from a state; true when the pattern is through. */
  #follow(from: number, text: string, at: number, units: number[]): boolean {
    const waiting = [from];
    for (let state = waiting.pop(); state !== undefined; state = waiting.pop()) {
      if (this.#seen[state] === this.#stamp) continue;
      this.#seen[state] = this.#stamp;
      const step = this.#steps[state];
      if (step.op === "match") return true;
      if (step.op === "unit") units.push(state);
      else if (step.op === "fork") waiting.push(step.or, step.to);
      else if (holds(step.op, text, at)) waiting.push(state + 1);
    }
    return false;
  }
}

function holds(op: "begin" | "end" | "boundary" | "inside", text: string, at: number): boolean {
  if (op === "begin") return at === 0;
  if (op === "end") return at === text.length;
  return (isWord(text, at - 1) !== isWord(text, at)) === (op === "boundary");
}

/** Recursive descent, straight to steps. */
class Compiler {
  #at = 0;
  #steps: Step[] = [];

  constructor(private readonly source: string, private readonly field: string) {}

  compile(): Step[] {
    if (typeof this.source !== "string" || this.source.length > FILTER_PATTERN_LENGTH_MAX) {
      throw new InvalidArgumentError(this.field, this.source, `give a pattern of at most ${FILTER_PATTERN_LENGTH_MAX} characters.`);
    }
    this.#alternatives();
    if (this.#at < this.source.length) this.#refuse("unmatched )");
    this.#steps.push({ op: "match" });
    return this.#steps;
  }

  #alternatives(): void {
    const start = this.#steps.length;
    this.#sequence();
    while (this.#take("|")) {
      // fork to the first, which afterwards jumps over the second.
      this.#insert(start, { op: "fork", to: start + 1, or: this.#steps.length + 2 });
      const jump: Step = { op: "fork", to: 0, or: 0 };
      this.#push(jump);
      this.#sequence();
      jump.to = jump.or = this.#steps.length;
    }
  }

  #sequence(): void {
    while (this.#at < this.source.length && this.source[this.#at] !== "|" && this.source[this.#at] !== ")") {
      const start = this.#steps.length;
      const repeatable = this.#atom();
      this.#repetition(start, repeatable);
    }
  }

  /** One atom; false when it may not be repeated. */
  #atom(): boolean {
    const unit = this.source[this.#at++];
    if (unit === "(") {
      if (this.#take("?") && !this.#take(":")) this.#refuse("look-around and named groups");
      this.#alternatives();
      if (!this.#take(")")) this.#refuse("a group that is not closed");
    } else if (unit === "[") this.#push({ op: "unit", set: this.#set() });
    else if (unit === ".") this.#push({ op: "unit", set: { ranges: LINE_ENDS, negated: true } });
    else if (unit === "^" || unit === "$") return this.#push({ op: unit === "^" ? "begin" : "end" }), false;
    else if (unit === "\\") return this.#escape();
    else if ("*+?{".includes(unit)) this.#refuse(`${unit} behind nothing`);
    else this.#push({ op: "unit", set: single(unit.charCodeAt(0)) });
    return true;
  }

  #escape(): boolean {
    const unit = this.source[this.#at];
    if (unit === "b" || unit === "B") {
      this.#at++;
      this.#push({ op: unit === "b" ? "boundary" : "inside" });
      return false;
    }
    this.#push({ op: "unit", set: this.#escapedSet() });
    return true;
  }

  /** After a backslash, in a set or outside. */
  #escapedSet(): UnitSet {
    const unit = this.source[this.#at++];
    if (unit === undefined) this.#refuse("a backslash at the end");
    if (Object.hasOwn(CLASSES, unit)) return CLASSES[unit];
    if (Object.hasOwn(CONTROLS, unit)) return single(CONTROLS[unit]);
    if (/[a-zA-Z1-9]/.test(unit)) this.#refuse(`\\${unit}`);
    return single(unit.charCodeAt(0));
  }

  #set(): UnitSet {
    const negated = this.#take("^");
    const ranges: (readonly [number, number])[] = [];
    while (!this.#take("]")) {
      const low = this.#member();
      if (low.negated) ranges.push(...complement(low.ranges));
      else if (low.ranges.length === 1 && this.source[this.#at] === "-" && this.source[this.#at + 1] !== "]") {
        this.#at++;
        const high = this.#member();
        const [from, to] = [low.ranges[0][0], high.ranges[0][1]];
        if (low.ranges[0][1] !== from || high.ranges[0][0] !== to || high.negated || from > to) this.#refuse("a range that is none");
        ranges.push([from, to]);
      } else ranges.push(...low.ranges);
    }
    return { ranges, negated };
  }

  #member(): UnitSet {
    const unit = this.source[this.#at++];
    if (unit === undefined) this.#refuse("a set that is not closed");
    return unit === "\\" ? this.#escapedSet() : single(unit.charCodeAt(0));
  }

  #repetition(start: number, repeatable: boolean): void {
    const bounds = this.#bounds();
    if (bounds === null) return;
    if (!repeatable) this.#refuse("a repeated ^, $ or \\b");
    this.#take("?");
    const [least, most] = bounds;
    const atom = this.#steps.splice(start);
    for (let copy = 0; copy < least; copy++) this.#copy(atom, start);
    if (most === Infinity) {
      const fork: Step = { op: "fork", to: this.#steps.length + 1, or: 0 };
      this.#push(fork);
      this.#copy(atom, start);
      const back = this.#steps.indexOf(fork);
      this.#push({ op: "fork", to: back, or: back });
      fork.or = this.#steps.length;
      return;
    }
    const forks: Extract<Step, { op: "fork" }>[] = [];
    for (let copy = least; copy < most; copy++) {
      const fork: Step = { op: "fork", to: this.#steps.length + 1, or: 0 };
      forks.push(fork);
      this.#push(fork);
      this.#copy(atom, start);
    }
    for (const fork of forks) fork.or = this.#steps.length;
  }

  /** The quantifier at hand, or null. */
  #bounds(): readonly [least: number, most: number] | null {
    if (this.#take("*")) return [0, Infinity];
    if (this.#take("+")) return [1, Infinity];
    if (this.#take("?")) return [0, 1];
    if (this.source[this.#at] !== "{") return null;
    const found = /^\{(\d+)(,(\d*))?\}/.exec(this.source.slice(this.#at));
    if (found === null) this.#refuse("a { that is no quantifier (write \\{)");
    this.#at += found[0].length;
    const least = Number(found[1]);
    const most = found[2] === undefined ? least : found[3] === "" ? Infinity : Number(found[3]);
    if (least > most) this.#refuse("a quantifier with its bounds the wrong way round");
    return [least, most];
  }

  /** Appends steps that were compiled to begin at `from`. */
  #copy(steps: readonly Step[], from: number): void {
    const by = this.#steps.length - from;
    for (const step of steps) this.#push(step.op === "fork" ? { op: "fork", to: step.to + by, or: step.or + by } : step);
  }

  /** Puts a step before those from `at` on. */
  #insert(at: number, step: Step): void {
    const moved = this.#steps.splice(at);
    this.#push(step);
    this.#copy(moved, at);
  }

  #push(step: Step): void {
    if (this.#steps.length >= STATES_MAX) this.#refuse(`more than ${STATES_MAX} states: smaller {n,m}`);
    this.#steps.push(step);
  }

  #take(unit: string): boolean {
    if (this.source[this.#at] !== unit) return false;
    this.#at++;
    return true;
  }

  #refuse(what: string): never {
    throw new InvalidArgumentError(this.field, this.source, `not supported at character ${this.#at}: ${what}.`);
  }
}

function single(unit: number): UnitSet {
  return { ranges: [[unit, unit]], negated: false };
}

function complement(ranges: UnitSet["ranges"]): (readonly [number, number])[] {
  const gaps: (readonly [number, number])[] = [];
  let from = 0;
  for (const [low, high] of [...ranges].sort((a, b) => a[0] - b[0])) {
    if (low > from) gaps.push([from, low - 1]);
    from = high + 1;
  }
  if (from <= 0xffff) gaps.push([from, 0xffff]);
  return gaps;
}
