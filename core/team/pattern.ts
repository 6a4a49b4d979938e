/**
 * Whether a text matches a pattern, in time proportional to the text: all ways through the pattern are followed at once (Ken Thompson, "Regular
 * Expression Search Algorithm", 1968). The runtime's own expressions try one way after the other, and one of a few characters can hold a thread
 * for hours; here it comes from whoever sends a message.
 *
 * @module
 */
import { InvalidArgumentError } from "../base/errors.ts";
import { TEAM_PATTERN_WORK_MAX } from "../base/limits.ts";
import { type Anchor, type PatternPart, readPattern } from "./pattern_syntax.ts";

type Step =
  | { readonly op: "accept"; readonly accepts: (character: string) => boolean }
  | { readonly op: "anchor"; readonly anchor: Anchor }
  | { readonly op: "fork"; to: number; or: number }
  | { readonly op: "end" };

/** Steps of one pattern, its repetitions written out. */
const STEPS_MAX = 128;
const COMPILED_MAX = 4 * STEPS_MAX;
const FLAGS = /^[gimsuy]*$/;

/** What patterns may still do in one request: steps times characters. */
export interface PatternBudget {
  /** Falls with every text. */
  left: number;
}

/** A fresh budget. */
export function patternBudget(): PatternBudget {
  return { left: TEAM_PATTERN_WORK_MAX };
}

/** A pattern, read and ready. */
export class Pattern {
  readonly #steps: Step[] = [];
  readonly #multiline: boolean;
  #compiled = 0;

  /** `source` is a regular expression or its text. Throws `InvalidArgumentError` that names `field` and what cannot be used. */
  constructor(private readonly field: string, private readonly source: unknown) {
    const [text, flags] = source instanceof RegExp ? [source.source, source.flags] : [source, ""];
    if (typeof text !== "string") throw new InvalidArgumentError(field, source, "give a regular expression or its text.");
    if (!FLAGS.test(flags)) throw new InvalidArgumentError(field, flags, "use the flags i, m and s only.");
    this.#multiline = flags.includes("m");
    this.#compile(readPattern(field, text, flags.includes("i"), flags.includes("s")));
    this.#add({ op: "end" });
  }

  /** Whether it matches anywhere in the text. Throws `InvalidArgumentError` when the budget does not reach. */
  test(text: string, budget: PatternBudget): boolean {
    budget.left -= text.length * this.#steps.length;
    if (budget.left < 0) {
      const remedy =
        `${text.length} characters are too many for its ${this.#steps.length} steps; shorten either, or give fewer cases at a time.`;
      throw new InvalidArgumentError(this.field, this.source, remedy);
    }
    const characters = Array.from(text);
    let now: number[] = [];
    const seen = new Int32Array(this.#steps.length).fill(-1);
    for (let at = 0; at <= characters.length; at++) {
      now.push(0); // a match may begin anywhere
      const next: number[] = [];
      if (this.#follow(now, characters, at, seen, next)) return true;
      now = next;
    }
    return false;
  }

  /** Runs all ways up to their next character and over it; true when one is at the end. */
  #follow(ways: number[], characters: readonly string[], at: number, seen: Int32Array, next: number[]): boolean {
    const open = ways.reverse();
    while (open.length > 0) {
      const place = open.pop()!;
      if (seen[place] === at) continue;
      seen[place] = at;
      const step = this.#steps[place];
      if (step.op === "end") return true;
      if (step.op === "fork") open.push(step.or, step.to);
      else if (step.op === "anchor") {
        if (this.#holds(step.anchor, characters, at)) open.push(place + 1);
      } else if (at < characters.length && step.accepts(characters[at])) next.push(place + 1);
    }
    return false;
  }

  #holds(anchor: Anchor, characters: readonly string[], at: number): boolean {
    const [before, after] = [characters[at - 1], characters[at]];
    if (anchor === "^") return before === undefined || (this.#multiline && before === "\n");
    if (anchor === "$") return after === undefined || (this.#multiline && after === "\n");
    return (isWord(before) !== isWord(after)) === (anchor === "\\b");
  }

  #compile(part: PatternPart): void {
    // Repetitions of nothing add no step, and may be nested.
    if (++this.#compiled > COMPILED_MAX) this.#refuse();
    if (part.kind === "character") this.#add({ op: "accept", accepts: part.accepts });
    else if (part.kind === "anchor") this.#add({ op: "anchor", anchor: part.anchor });
    else if (part.kind === "sequence") { for (const item of part.items) this.#compile(item); }
    else if (part.kind === "choice") this.#compileChoice(part.items);
    else this.#compileRepeat(part.item, part.least, part.most);
  }

  #compileChoice(items: readonly PatternPart[]): void {
    const exits: { to: number; or: number }[] = [];
    items.forEach((item, index) => {
      const fork = index < items.length - 1 ? this.#fork() : null;
      this.#compile(item);
      if (fork === null) return;
      exits.push(this.#fork());
      fork.or = this.#steps.length;
    });
    for (const exit of exits) exit.to = exit.or = this.#steps.length;
  }

  #compileRepeat(item: PatternPart, least: number, most: number): void {
    for (let count = 0; count < least; count++) this.#compile(item);
    if (most === Infinity) {
      const entry = this.#steps.length;
      const fork = this.#fork();
      this.#compile(item);
      const back = this.#fork();
      back.to = back.or = entry;
      fork.or = this.#steps.length;
      return;
    }
    const forks: { or: number }[] = [];
    for (let count = least; count < most; count++) {
      forks.push(this.#fork());
      this.#compile(item);
    }
    for (const fork of forks) fork.or = this.#steps.length;
  }

  /** A fork whose one way is the next step; the other is set later. */
  #fork(): { to: number; or: number } {
    const fork = { op: "fork" as const, to: this.#steps.length + 1, or: this.#steps.length + 1 };
    this.#add(fork);
    return fork;
  }

  #add(step: Step): void {
    if (this.#steps.length >= STEPS_MAX) this.#refuse();
    this.#steps.push(step);
  }

  #refuse(): never {
    throw new InvalidArgumentError(
      this.field,
      this.source,
      `it has more than ${STEPS_MAX} steps once its repetitions are written out; shorten it.`,
    );
  }
}

function isWord(char: string | undefined): boolean {
  return char !== undefined && /^\w$/.test(char);
}
