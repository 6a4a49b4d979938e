import { assertAlmostEquals, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { InvalidArgumentError } from "../../core/base/errors.ts";
import { TEAM_VALUES_MAX } from "../../core/base/limits.ts";
import { analyzed } from "../../core/team/analyst.ts";
import { parseCsv } from "../../core/team/csv.ts";
import { columnStatistics } from "../../core/team/statistics.ts";

Deno.test("CSV is read as it is written", () => {
  const cases: [text: string, rows: string[][]][] = [
    ["", []],
    ["a,b\n1,2", [["a", "b"], ["1", "2"]]],
    ["\ufeffa\r\n1\r\n", [["a"], ["1"]]],
    ['"a, b","c""d"\r\n"e\r\nf",\n', [["a, b", 'c"d'], ["e\r\nf", ""]]],
    ["a,\n,\n\n1,2\n", [["a", ""], ["", ""], ["1", "2"]]],
    ['""\n', [[""]]],
    ["a,", [["a", ""]]],
  ];
  for (const [text, rows] of cases) assertEquals(parseCsv("data", text), rows, JSON.stringify(text));
});

Deno.test("any table of texts comes back from its CSV", () => {
  const cell = fc.array(fc.constantFrom("a", ",", '"', "\n", "\r", " ", "é"), { maxLength: 5 }).map((parts) => parts.join(""));
  const table = fc.integer({ min: 1, max: 4 }).chain((width) =>
    fc.array(fc.array(cell, { minLength: width, maxLength: width }), { maxLength: 6 })
  );
  fc.assert(fc.property(table, fc.constantFrom("\n", "\r\n"), (rows, end) => {
    const text = rows.map((row) => row.map((value) => `"${value.replaceAll('"', '""')}"`).join(",") + end).join("");
    assertEquals(parseCsv("data", text), rows);
  }));
});

Deno.test("CSV that cannot be read names the line", () => {
  for (const [text, where] of [['a\n"b', "line 2"], ['a\n"b" c', "line 2"], ['"a\n\n"\nb"c', "line 4"]]) {
    assertStringIncludes(assertThrows(() => parseCsv("data", text), InvalidArgumentError).message, where);
  }
});

Deno.test("figures are those of the definitions, also far from zero", () => {
  const numbers = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 2, maxLength: 60 });
  fc.assert(fc.property(numbers, fc.constantFrom(0, 1e9), (values, shift) => {
    const shifted = values.map((value) => value + shift);
    const figures = columnStatistics("n", shifted);
    const mean = shifted.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = shifted.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
    const sorted = shifted.toSorted((a, b) => a - b);
    const half = sorted.length >> 1;
    assertAlmostEquals(figures.mean!, mean, 1e-3);
    assertAlmostEquals(figures.stddev!, Math.sqrt(variance), 1e-3 + 1e-6 * Math.sqrt(variance));
    assertAlmostEquals(figures.median!, sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2, 1e-3);
    assertEquals([figures.min, figures.max, figures.count], [sorted[0], sorted.at(-1), values.length]);
    assertEquals(sorted.filter((value) => value <= figures.p95!).length >= Math.floor(0.95 * (sorted.length - 1)) + 1, true);
  }));
  assertEquals(columnStatistics("n", [1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16]).stddev, Math.sqrt(30));
});

Deno.test("values that are missing, no numbers, or of other types", () => {
  const values = [null, undefined, "", NaN, "x", "x", " -1.5e1 ", ".5", "1.", 3n, Infinity, true, new Date(0), { a: 1 }, "0x10", "1e999"];
  const { count, missing, numbers, min, max, distinct, top } = columnStatistics("v", values);
  assertEquals([count, missing, numbers, min, max, distinct], [12, 4, 3, -15, 1, 11]);
  assertEquals(top.slice(0, 2), [{ value: "x", count: 2 }, { value: " -1.5e1 ", count: 1 }]);
  assertEquals(top.length, 10);
  assertEquals(columnStatistics("v", [5]).stddev, null);
});

Deno.test("JSON tables take their columns from all rows", () => {
  const rows = [{ a: 1, b: "x" }, { a: 3, c: true }];
  for (const data of [rows, JSON.stringify(rows)]) {
    const { rows: count, columns } = analyzed({ format: "json", data });
    assertEquals([count, columns.map(({ column, count, missing }) => [column, count, missing])], [2, [["a", 2, 0], ["b", 1, 1], [
      "c",
      1,
      1,
    ]]]);
  }
  assertEquals(analyzed({ format: "json", data: rows, columns: ["c", "a"] }).columns.map(({ column }) => column), ["c", "a"]);
  assertEquals(analyzed({ format: "csv", data: "a,b\n" }), { rows: 0, columns: analyzed({ format: "csv", data: "a,b" }).columns });
});

Deno.test("bad input names the field", () => {
  const cases: [input: unknown, field: string][] = [
    [{ format: "xml", data: "" }, "format"],
    [{ format: "csv", data: [] }, "data"],
    [{ format: "csv", data: "a,a\n" }, "data"],
    [{ format: "csv", data: "a,b\n1\n" }, "data"],
    [{ format: "json", data: "{" }, "data"],
    [{ format: "json", data: [{}, 7] }, "data[1]"],
    [{ format: "values", data: "1,2" }, "data"],
    [{ format: "values", data: new Array(TEAM_VALUES_MAX + 1).fill(0) }, "data"],
    [{ format: "values", data: [1], columns: ["other"] }, "columns[0]"],
    [{ format: "json", data: new Array(TEAM_VALUES_MAX / 2 + 1).fill({ a: 1, b: 2 }) }, "data"],
  ];
  for (const [input, field] of cases) assertEquals(assertThrows(() => analyzed(input), InvalidArgumentError).field, field);
});
