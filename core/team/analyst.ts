/**
 * The analyst: figures of the columns of a table.
 *
 * @module
 */
import { type AgentBehavior, defineAgent } from "../agents/agent.ts";
import { InvalidArgumentError } from "../base/errors.ts";
import { TEAM_ITEMS_MAX, TEAM_VALUES_MAX } from "../base/limits.ts";
import { parseCsv } from "./csv.ts";
import { choiceAt, isPlainObject, listAt, objectAt, textAt } from "./input.ts";
import { type ColumnStatistics, columnStatistics } from "./statistics.ts";

/** What an analyst takes. */
export interface AnalystInput {
  /** `json`: objects, as a list or as JSON text. `csv`: text whose first row names the columns. `values`: one list of values, the column `value`. */
  readonly format: "json" | "csv" | "values";
  /** The table. */
  readonly data: string | readonly unknown[];
  /** Names of columns. Default: all, in order of appearance. */
  readonly columns?: readonly string[];
}

/** What an analyst replies. */
export interface AnalystOutput {
  /** Rows of the table. */
  readonly rows: number;
  /** The chosen columns. */
  readonly columns: ColumnStatistics[];
}

interface Table {
  readonly rows: number;
  readonly names: readonly string[];
  column(name: string): Iterable<unknown>;
}

/** The analyst's work. Throws `InvalidArgumentError` naming the field. */
export function analyzed(input: unknown): AnalystOutput {
  const { format, data, columns } = objectAt("input", input, ["format", "data", "columns"]);
  const chosen = choiceAt("format", format, ["json", "csv", "values"]);
  const table = chosen === "csv" ? csvTable(data) : chosen === "json" ? jsonTable(data) : valuesTable(data);
  const wanted = columns === undefined ? table.names : listAt("columns", columns, TEAM_ITEMS_MAX).map((name, index) => {
    if (typeof name === "string" && table.names.includes(name)) return name;
    const known = table.names.slice(0, 20).join(", ") || "none";
    throw new InvalidArgumentError(`columns[${index}]`, name, `the columns are ${known}.`);
  });
  if (wanted.length * table.rows > TEAM_VALUES_MAX) {
    throw new InvalidArgumentError(
      "data",
      data,
      `${wanted.length} columns of ${table.rows} rows are over ${TEAM_VALUES_MAX} values; name fewer columns.`,
    );
  }
  return { rows: table.rows, columns: wanted.map((name) => columnStatistics(name, table.column(name))) };
}

function valuesTable(data: unknown): Table {
  const values = listAt("data", data, TEAM_VALUES_MAX);
  return { rows: values.length, names: ["value"], column: () => values };
}

function jsonTable(data: unknown): Table {
  const rows = listAt("data", typeof data === "string" ? parsedJson(textAt("data", data)) : data, TEAM_VALUES_MAX);
  const names = new Set<string>();
  rows.forEach((row, index) => {
    if (!isPlainObject(row)) throw new InvalidArgumentError(`data[${index}]`, row, "give an object of column names and values.");
    for (const name of Object.keys(row)) names.add(name);
    if (names.size > TEAM_ITEMS_MAX) throw new InvalidArgumentError("data", data, `it has over ${TEAM_ITEMS_MAX} columns.`);
  });
  const column = (name: string): unknown[] =>
    rows.map((row) => Object.hasOwn(row as object, name) ? (row as Record<string, unknown>)[name] : undefined);
  return { rows: rows.length, names: [...names], column };
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new InvalidArgumentError("data", text, `it cannot be read as JSON: ${(cause as Error).message}.`);
  }
}

function csvTable(data: unknown): Table {
  const [head = [], ...rows] = parseCsv("data", textAt("data", data));
  listAt("data", head, TEAM_ITEMS_MAX); // so many columns
  const places = new Map<string, number>();
  for (const [place, name] of head.entries()) {
    if (places.has(name)) throw new InvalidArgumentError("data", name, "two columns have this name.");
    places.set(name, place);
  }
  const odd = rows.findIndex((row) => row.length !== head.length);
  if (odd !== -1) {
    throw new InvalidArgumentError("data", data, `row ${odd + 1} has ${rows[odd].length} fields; the first row names ${head.length}.`);
  }
  const column = (name: string): string[] => {
    const place = places.get(name)!;
    return rows.map((row) => row[place]);
  };
  return { rows: rows.length, names: head, column };
}

/** Takes `AnalystInput` by `ask` or as `task.input`; replies `AnalystOutput`. */
export const analyst: AgentBehavior<AnalystInput, AnalystOutput> = defineAgent<AnalystInput, AnalystOutput>({
  onMessage(message, ctx) {
    ctx.reply(analyzed(message.payload));
  },
  onTask(task) {
    return analyzed(task.input);
  },
});
