import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { InvalidArgumentError } from "../../core/base/errors.ts";
import { TOPIC_LENGTH_MAX, TOPICS_REMEMBERED_MAX } from "../../core/base/limits.ts";
import { TopicMatcher } from "../../core/bus/topic_matcher.ts";

/** What the words mean, said level by level. */
function meets(pattern: readonly string[], topic: readonly string[]): boolean {
  if (pattern.length === 0) return topic.length === 0;
  if (pattern[0] === "#") return true;
  return topic.length > 0 && (pattern[0] === "*" || pattern[0] === topic[0]) && meets(pattern.slice(1), topic.slice(1));
}

const name = fc.constantFrom("a", "b", "", "ab", "ü", "__proto__");
const topic = fc.array(name, { minLength: 1, maxLength: 4 }).map((levels) => levels.join(".")).filter((text) => text.length > 0);
const pattern = fc.tuple(fc.array(fc.oneof(name, fc.constant("*")), { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([levels, rest]) => [...levels, ...rest ? ["#"] : []].join(".")).filter((text) => text.length > 0);

Deno.test("after any changes, a topic meets exactly what the naive matcher says, once each, first and remembered", () => {
  const change = fc.record({ add: fc.boolean(), pattern, value: fc.nat({ max: 5 }) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), fc.array(topic, { maxLength: 8 }), (changes, topics) => {
      const matcher = new TopicMatcher<number>();
      const naive = new Set<string>();
      for (const { add, pattern, value } of changes) {
        const key = `${pattern} ${value}`;
        assertEquals(add ? matcher.add(pattern, value) : matcher.remove(pattern, value), add !== naive.has(key));
        if (add) naive.add(key);
        else naive.delete(key);
        for (const topic of topics) matcher.match(topic);
      }
      assertEquals(matcher.size, naive.size);
      for (const topic of topics) {
        const expected = [...naive].map((key) => key.split(" ")).filter(([pattern]) => meets(pattern.split("."), topic.split(".")));
        const values = [...new Set(expected.map(([, value]) => Number(value)))].sort();
        for (const found of [matcher.match(topic), matcher.match(topic), matcher.find(topic)]) assertEquals([...found].sort(), values);
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("# also stands for no level, * for exactly one", () => {
  const matcher = new TopicMatcher<string>();
  for (const pattern of ["orders.#", "orders.*", "#", "*"]) matcher.add(pattern, pattern);
  assertEquals([...matcher.match("orders")].sort(), ["#", "*", "orders.#"]);
  assertEquals([...matcher.match("orders.eu")].sort(), ["#", "orders.#", "orders.*"]);
  assertEquals([...matcher.match("orders.eu.paid")].sort(), ["#", "orders.#"]);
});

Deno.test("names whose hashes agree are told apart, and each can go", () => {
  const matcher = new TopicMatcher<number>();
  const names = Array.from({ length: 60_000 }, (_unused, index) => `n${index.toString(36)}`);
  names.forEach((name, index) => matcher.add(`${name}.x`, index));
  names.forEach((name, index) => assertEquals(matcher.find(`${name}.x`), [index]));
  names.forEach((name, index) => index % 3 === 0 && matcher.remove(`${name}.x`, index));
  names.forEach((name, index) => assertEquals(matcher.find(`${name}.x`), index % 3 === 0 ? [] : [index]));
});

Deno.test("remembered topics are bounded and never stale", () => {
  const matcher = new TopicMatcher<number>();
  matcher.add("t.*", 1);
  for (let index = 0; index < 2 * TOPICS_REMEMBERED_MAX; index++) assertEquals(matcher.match(`t.${index}`), [1]);
  matcher.add("t.5", 2);
  assertEquals([...matcher.match("t.5")].sort(), [1, 2]);
  matcher.clear();
  assertEquals(matcher.match("t.5"), []);
});

Deno.test("what cannot be a pattern or a topic is refused by name", () => {
  const matcher = new TopicMatcher<number>();
  for (const wrong of ["", "a.#.b", "#.a", "a*", "a.b#", "x".repeat(TOPIC_LENGTH_MAX + 1)]) {
    assertEquals(assertThrows(() => matcher.add(wrong, 1), InvalidArgumentError).field, "pattern", wrong);
  }
  assertThrows(() => matcher.find(""), InvalidArgumentError);
  assertEquals(matcher.size, 0);
});
