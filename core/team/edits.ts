/**
 * Edits of one text: pure, all or nothing.
 *
 * @module
 */
import { InvalidArgumentError } from "../base/errors.ts";
import { TEAM_EDITED_CHARS_MAX, TEAM_EDITS_MAX, TEAM_TEXT_CHARS_MAX } from "../base/limits.ts";
import { listAt, objectAt, textAt, wholeAt } from "./input.ts";

/** Replaces every occurrence of a text. */
export interface ReplaceEdit {
  /** What to look for, as it stands: no pattern. */
  readonly find: string;
  /** What to put there. */
  readonly replace: string;
  /** How often it must occur; any other number is an error. Default 1; `all` for one or more. */
  readonly count?: number | "all";
}

/** Replaces whole lines. */
export interface RangeEdit {
  /** Lines from 1, both included. An `endLine` one below `startLine` inserts before it. */
  readonly range: { readonly startLine: number; readonly endLine: number };
  /** The new lines; empty to delete. A missing line end is added where more lines follow. */
  readonly text: string;
}

/** One edit. Each sees what those before it have made. */
export type Edit = ReplaceEdit | RangeEdit;

/** The text with all edits applied. Throws `InvalidArgumentError` that names the first edit that does not fit. */
export function applyEdits(text: string, edits: unknown): string {
  let result = text;
  let read = 0;
  listAt("edits", edits, TEAM_EDITS_MAX).forEach((edit, index) => {
    const field = `edits[${index}]`;
    read += result.length;
    if (read > TEAM_EDITED_CHARS_MAX) {
      throw new InvalidArgumentError(field, edit, `all edits together may read ${TEAM_EDITED_CHARS_MAX} characters; give fewer at a time.`);
    }
    const { find, replace, count, range, text: lines } = objectAt(field, edit, ["find", "replace", "count", "range", "text"]);
    if ((find === undefined) === (range === undefined)) {
      throw new InvalidArgumentError(field, edit, "give either find and replace, or range and text.");
    }
    result = range === undefined ? replaced(field, result, { find, replace, count }) : respliced(field, result, { range, lines });
  });
  return result;
}

function replaced(field: string, text: string, edit: { find: unknown; replace: unknown; count: unknown }): string {
  const find = textAt(`${field}.find`, edit.find);
  const replace = textAt(`${field}.replace`, edit.replace);
  if (find === "") throw new InvalidArgumentError(`${field}.find`, find, "give at least one character.");
  const wanted = edit.count === "all" ? "all" : wholeAt(`${field}.count`, edit.count ?? 1, 1, TEAM_TEXT_CHARS_MAX);
  const parts = text.split(find);
  const found = parts.length - 1;
  if (wanted === "all" ? found === 0 : found !== wanted) {
    const count = wanted === "all" ? "at least once" : times(wanted);
    throw new InvalidArgumentError(`${field}.find`, find, `it occurs ${times(found)}, not ${count}; nothing was applied.`);
  }
  checkLength(`${field}.replace`, replace, text.length + found * (replace.length - find.length));
  return parts.join(replace);
}

function respliced(field: string, text: string, edit: { range: unknown; lines: unknown }): string {
  const { startLine, endLine } = objectAt(`${field}.range`, edit.range, ["startLine", "endLine"]);
  const lines = countLines(text);
  const start = wholeAt(`${field}.range.startLine`, startLine, 1, lines + 1);
  const end = wholeAt(`${field}.range.endLine`, endLine, start - 1, lines);
  let fresh = textAt(`${field}.text`, edit.lines);
  const from = behindLines(text, 0, start - 1);
  const [before, after] = [text.slice(0, from), text.slice(behindLines(text, from, end - start + 1))];
  if (fresh !== "" && before !== "" && !before.endsWith("\n")) fresh = `\n${fresh}`;
  if (fresh !== "" && after !== "" && !fresh.endsWith("\n")) fresh += "\n";
  checkLength(`${field}.text`, fresh, before.length + fresh.length + after.length);
  return before + fresh + after;
}

function countLines(text: string): number {
  let lines = 0;
  for (let at = 0; at < text.length; at = behindLines(text, at, 1)) lines++;
  return lines;
}

/** Place behind so many lines from a line's beginning. */
function behindLines(text: string, from: number, lines: number): number {
  let at = from;
  for (let line = 0; line < lines; line++) at = text.indexOf("\n", at) + 1 || text.length;
  return at;
}

function checkLength(field: string, value: string, chars: number): void {
  if (chars > TEAM_TEXT_CHARS_MAX) {
    throw new InvalidArgumentError(field, value, `the text would have ${chars} characters; at most ${TEAM_TEXT_CHARS_MAX}.`);
  }
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}
