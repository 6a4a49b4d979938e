import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { InvalidArgumentError } from "../../core/base/errors.ts";
import { FILTER_PATTERN_LENGTH_MAX, FILTER_TEXT_LENGTH_MAX } from "../../core/base/limits.ts";
import { LinearPattern } from "../../core/bus/linear_pattern.ts";

const source = fc.letrec<{ any: string; atom: string; part: string }>((tie) => ({
  atom: fc.oneof(
    fc.constantFrom("a", "b", "-", ".", "\\d", "\\w", "\\S", "[ab]", "[^a]", "[a-c1]", "[\\W-]", "[^\\s\\d]", "\\.", "\\n", " "),
    tie("any").map((inner) => `(${inner})`),
    tie("any").map((inner) => `(?:${inner})`),
  ),
  part: fc.oneof(
    { weight: 4, arbitrary: tie("atom") },
    {
      weight: 3,
      arbitrary: fc.tuple(tie("atom"), fc.constantFrom("*", "+", "?", "*?", "{2}", "{0,2}", "{1,}", "{0}")).map((two) => two.join("")),
    },
    { weight: 1, arbitrary: fc.constantFrom("^", "$", "\\b", "\\B") },
  ),
  any: fc.oneof(
    { weight: 3, arbitrary: fc.array(tie("part"), { maxLength: 4 }).map((parts) => parts.join("")) },
    { weight: 1, arbitrary: fc.tuple(tie("part"), tie("part")).map((two) => two.join("|")) },
  ),
})).any;

Deno.test("a pattern matches exactly where the engine's RegExp does", () => {
  const text = fc.array(fc.constantFrom("a", "b", "c", "1", "-", " ", ".", "\n", "é"), { maxLength: 8 }).map((units) => units.join(""));
  fc.assert(
    fc.property(source.filter((one) => one.length < 100), fc.array(text, { minLength: 3, maxLength: 6 }), (pattern, texts) => {
      const linear = new LinearPattern(pattern);
      for (const one of texts) assertEquals(linear.test(one), new RegExp(pattern).test(one), `/${pattern}/ on ${JSON.stringify(one)}`);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("patterns that keep RegExp busy for ever come back", () => {
  for (const pattern of ["(a+)+$", "^(a|a)*$", "(a*)*b", "a*a*a*a*a*a*a*a*b", "(.*)(.*)(.*)(.*)x$", "((a{0,9}){0,9}){0,5}b"]) {
    assertEquals(new LinearPattern(pattern).test("a".repeat(FILTER_TEXT_LENGTH_MAX - 1) + "!"), false, pattern);
  }
});

Deno.test("what is no pattern, or no linear one, is refused by name", () => {
  const wrong = ["(a", "a)", "[a", "*a", "a**", "a{2,1}", "a{", "\\", "(?=a)", "(?<x>a)", "\\1", "\\p", "[b-a]", "^*", "(a{99}){99}"];
  for (const pattern of [...wrong, "a".repeat(FILTER_PATTERN_LENGTH_MAX + 1)]) {
    assertEquals(assertThrows(() => new LinearPattern(pattern, "filter.value"), InvalidArgumentError).field, "filter.value", pattern);
  }
});
