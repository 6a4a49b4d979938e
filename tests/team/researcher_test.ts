import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { InvalidArgumentError } from "../../core/base/errors.ts";
import { TEAM_TEXT_CHARS_MAX } from "../../core/base/limits.ts";
import { ranked } from "../../core/team/ranking.ts";
import { researched } from "../../core/team/researcher.ts";

Deno.test("scores are those of the formula, best first, equal ones in their order", () => {
  const word = fc.constantFrom("a", "b", "c", "d");
  const passage = fc.array(word, { maxLength: 8 });
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 3 }), fc.array(passage, { minLength: 1, maxLength: 6 }), (query, passages) => {
      const results = ranked(query.join(" "), passages.map((words) => words.join(", ")));
      const mean = passages.flat().length / passages.length;
      for (const { index, score } of results) {
        let expected = 0;
        for (const term of new Set(query)) {
          const holders = passages.filter((words) => words.includes(term)).length;
          const often = passages[index].filter((one) => one === term).length;
          const idf = Math.log(1 + (passages.length - holders + 0.5) / (holders + 0.5));
          expected += idf * often * 2.2 / (often + 1.2 * (0.25 + 0.75 * passages[index].length / mean));
        }
        assertAlmostEquals(score, expected, 1e-12);
      }
      const order = results.map(({ score, index }) => [-score, index]);
      assertEquals(order, order.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]));
      assertEquals(results.length, passages.filter((words) => words.some((one) => query.includes(one))).length);
    }),
  );
});

Deno.test("matches and snippets point into the passage as it stands, whatever its script", () => {
  const text = `${"lorem ipsum ".repeat(30)}Größe der Straße, İSTANBUL und Größe. ${"dolor sit ".repeat(30)}`;
  const { results: [{ matches, snippet, terms }] } = researched({ query: "straße GRÖSSE größe", passages: [{ id: "1", text }] });
  assertEquals(matches.map(({ start, end }) => text.slice(start, end)), ["Größe", "Straße", "Größe"]);
  assertEquals(terms, ["straße", "größe"]);
  assertEquals(text.slice(snippet.start, snippet.end), snippet.text);
  assertEquals(snippet.text.includes("Größe der Straße"), true);
  assertEquals([text[snippet.start - 1], text[snippet.end]], [" ", " "], "whole words only");
});

Deno.test("a snippet is inside its passage and holds a match", () => {
  const text = fc.array(fc.constantFrom("match", "x", "long".repeat(60), "\n", "one two"), { minLength: 1, maxLength: 12 }).map((all) =>
    all.join(" ")
  );
  fc.assert(fc.property(text, (passage) => {
    for (const { snippet, matches } of researched({ query: "match", passages: [{ id: "1", text: passage }] }).results) {
      assertEquals(passage.slice(snippet.start, snippet.end), snippet.text);
      assertEquals(matches.some(({ start, end }) => start >= snippet.start && end <= snippet.end), true);
    }
  }));
});

Deno.test("the limit holds, and what lies beyond it is counted", () => {
  const passages = Array.from({ length: 30 }, (_, index) => ({ id: String(index), text: index < 20 ? "yes" : "no" }));
  for (const [limit, expected] of [[undefined, 10], [3, 3], [25, 20]]) {
    const { results, matching } = researched({ query: "yes", passages, limit });
    assertEquals([results.length, matching], [expected, 20]);
  }
  assertEquals(researched({ query: "yes", passages: [] }), { results: [], matching: 0 });
});

Deno.test("bad input names the field", () => {
  const text = "a".repeat(TEAM_TEXT_CHARS_MAX / 2 + 1);
  const cases: [input: unknown, field: string][] = [
    [{ passages: [] }, "query"],
    [{ query: "?!", passages: [] }, "query"],
    [{ query: "a".repeat(3_000), passages: [] }, "query"],
    [{ query: "a", passages: {} }, "passages"],
    [{ query: "a", passages: [{ id: 1, text: "" }] }, "passages[0].id"],
    [{ query: "a", passages: [{ id: "1" }] }, "passages[0].text"],
    [{ query: "a", passages: [], limit: 0 }, "limit"],
    [{ query: "a", passages: [{ id: "1", text }, { id: "2", text }] }, "passages"],
  ];
  for (const [input, field] of cases) assertEquals(assertThrows(() => researched(input), InvalidArgumentError).field, field);
});
