/**
 * Comma-separated values as RFC 4180 has them: quoted fields may hold commas, line ends and doubled quotes; lines end with CRLF or LF.
 *
 * @module
 */
import { InvalidArgumentError } from "../base/errors.ts";
import { TEAM_VALUES_MAX } from "../base/limits.ts";

/** The fields, row by row. Rows without any character are left out. Throws `InvalidArgumentError` that names the line. */
export function parseCsv(field: string, text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cells = 0;
  let line = 1;
  let at = text.startsWith("\ufeff") ? 1 : 0; // the mark that some programs put first
  const refuse = (why: string): never => {
    throw new InvalidArgumentError(field, text, `line ${line}: ${why}.`);
  };
  while (at < text.length) {
    const cell = text[at] === '"' ? quoted(text, at) : plain(text, at);
    if (cell === null) return refuse("a quote is opened and not closed");
    if (++cells > TEAM_VALUES_MAX) refuse(`more than ${TEAM_VALUES_MAX} fields`);
    row.push(cell.value);
    at = cell.end;
    if (text[at] === ",") {
      at++;
      if (at < text.length) continue;
      row.push(""); // the last field is empty and has no character of its own
    } else if (at < text.length && text[at] !== "\n" && !(text[at] === "\r" && text[at + 1] === "\n")) {
      refuse(
        cell.wasQuoted
          ? "after a closing quote comes a comma or the end of the line"
          : "a quote within a field must be doubled, and the field quoted",
      );
    }
    line += cell.lines + 1;
    at += text[at] === "\r" ? 2 : 1;
    if (row.length > 1 || row[0] !== "" || cell.wasQuoted) rows.push(row);
    row = [];
  }
  return rows;
}

interface Cell {
  readonly value: string;
  readonly end: number;
  readonly lines: number;
  readonly wasQuoted: boolean;
}

const PLAIN_END = /[",\n]|\r\n|$/g;

function plain(text: string, from: number): Cell {
  PLAIN_END.lastIndex = from;
  const end = PLAIN_END.exec(text)!.index;
  return { value: text.slice(from, end), end, lines: 0, wasQuoted: false };
}

function quoted(text: string, from: number): Cell | null {
  for (let quote = text.indexOf('"', from + 1); quote !== -1; quote = text.indexOf('"', quote + 2)) {
    if (text[quote + 1] === '"') continue;
    const value = text.slice(from + 1, quote).replaceAll('""', '"');
    return { value, end: quote + 1, lines: value.split("\n").length - 1, wasQuoted: true };
  }
  return null;
}
