/**
 * A unified diff as `patch` and `git apply` read it.
 *
 * @module
 */
import { type LineChange, lineChanges } from "./line_diff.ts";

/** Equal lines shown around each change. */
const CONTEXT_LINES = 3;

/** Lines with their line ends, so that a missing one at the end is a difference like any other. */
export function splitLines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

/** The diff from `before` to `after` for a file of that name; empty when they are the same. */
export function unifiedDiff(name: string, before: string, after: string): string {
  const [old, fresh] = [splitLines(before), splitLines(after)];
  const hunks = grouped(lineChanges(old, fresh)).map((changes) => hunk(changes, old, fresh));
  return hunks.length === 0 ? "" : `--- a/${name}\n+++ b/${name}\n${hunks.join("")}`;
}

/** Changes whose contexts touch share a hunk. */
function grouped(changes: readonly LineChange[]): LineChange[][] {
  const groups: LineChange[][] = [];
  for (const change of changes) {
    const last = groups.at(-1)?.at(-1);
    if (last !== undefined && change.oldAt - (last.oldAt + last.oldCount) <= 2 * CONTEXT_LINES) groups.at(-1)!.push(change);
    else groups.push([change]);
  }
  return groups;
}

function hunk(changes: readonly LineChange[], old: readonly string[], fresh: readonly string[]): string {
  const [first, last] = [changes[0], changes[changes.length - 1]];
  const from = Math.max(0, first.oldAt - CONTEXT_LINES);
  const until = Math.min(old.length, last.oldAt + last.oldCount + CONTEXT_LINES);
  const newFrom = first.newAt - (first.oldAt - from);
  const newUntil = last.newAt + last.newCount + (until - last.oldAt - last.oldCount);
  let text = `@@ -${range(from, until - from)} +${range(newFrom, newUntil - newFrom)} @@\n`;
  let at = from;
  for (const { oldAt, oldCount, newAt, newCount } of changes) {
    text += marked(" ", old.slice(at, oldAt)) + marked("-", old.slice(oldAt, oldAt + oldCount)) +
      marked("+", fresh.slice(newAt, newAt + newCount));
    at = oldAt + oldCount;
  }
  return text + marked(" ", old.slice(at, until));
}

/** First line from 1 and count; of no lines, the line before them. */
function range(from: number, count: number): string {
  return count === 1 ? String(from + 1) : `${count === 0 ? from : from + 1},${count}`;
}

function marked(mark: string, lines: readonly string[]): string {
  return lines.map((line) => mark + (line.endsWith("\n") ? line : `${line}\n\\ No newline at end of file\n`)).join("");
}
