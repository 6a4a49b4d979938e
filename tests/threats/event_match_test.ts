/** What an event must be like: every operator, hostile fields, and the path to each mistake. */
import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { compileMatch, type EventMatch, type ThreatEvent } from "../../core/threats/event_match.ts";

const fits = (match: EventMatch, fields: Record<string, unknown>): boolean =>
  compileMatch(match, "pattern.match").test({ event_type: "e", ...fields } as ThreatEvent);

Deno.test("each operator holds where it should, and nowhere else", () => {
  const cases: [EventMatch, Record<string, unknown>, boolean][] = [
    [{ n: { $gte: 5 } }, { n: 5 }, true],
    [{ n: { $gte: 5 } }, { n: 4 }, false],
    [{ n: { $gte: 5 } }, { n: "9" }, false],
    [{ n: { $gte: 5 } }, { n: NaN }, false],
    [{ n: { $gte: 5 } }, {}, false],
    [{ n: { $gt: 5, $lt: 7 } }, { n: 6 }, true],
    [{ n: { $gt: 5, $lt: 7 } }, { n: 7 }, false],
    [{ n: { $lte: "b" } }, { n: "a" }, true],
    [{ n: 5 }, { n: 5 }, true],
    [{ n: { $eq: 5 } }, { n: "5" }, false],
    [{ n: { $ne: 5 } }, {}, true],
    [{ n: { $in: [1, "x", null] } }, { n: null }, true],
    [{ n: { $in: [1, "x"] } }, { n: 2 }, false],
    [{ n: { $exists: false } }, {}, true],
    [{ n: { $exists: true } }, { n: 0 }, true],
    [{ n: { $regex: "^ad(min|m)$" } }, { n: "admin" }, true],
    [{ n: { $regex: "^a" } }, { n: 7 }, false],
    [{ "user.name": "root" }, { user: { name: "root" } }, true],
    [{ "user.name": "root" }, { "user.name": "root" }, true],
    [{ "user.name": "root" }, { user: null }, false],
    [{ event_type: "e", n: 1 }, { n: 1 }, true],
  ];
  for (const [match, fields, expected] of cases) assertEquals(fits(match, fields), expected, JSON.stringify([match, fields]));
});

Deno.test("fields that everything inherits are not fields of an event", () => {
  assertEquals(fits({ constructor: { $exists: true } }, {}), false);
  assertEquals(fits({ "__proto__.polluted": { $exists: true } }, JSON.parse('{"__proto__": {"other": 1}}')), false);
  assertEquals(fits({ "__proto__.polluted": true }, JSON.parse('{"__proto__": {"polluted": true}}')), true);
});

Deno.test("a pattern that takes an engine's own expressions for ever is over at once, and a huge text does not match", () => {
  assertEquals(fits({ n: { $regex: "(a+)+$" } }, { n: "a".repeat(4_000) + "!" }), false);
  assertEquals(fits({ n: { $regex: "a" } }, { n: "a".repeat(100_000) }), false);
});

Deno.test("comparisons agree with the language's on numbers and on strings, and hold between none of different kinds", () => {
  const value = fc.oneof(fc.double({ noNaN: true }), fc.string());
  fc.assert(fc.property(value, value, (found, bound) => {
    const same = typeof found === typeof bound;
    assertEquals(fits({ n: { $gt: bound } }, { n: found }), same && found > bound);
    assertEquals(fits({ n: { $lte: bound } }, { n: found }), same && found <= bound);
    assertEquals(fits({ n: bound }, { n: found }), found === bound);
  }));
});

Deno.test("every mistake is named with the path to it", () => {
  const mistakes: [unknown, string][] = [
    [null, "pattern.match"],
    [[], "pattern.match"],
    [{}, "at least one condition"],
    [{ a: { $gte: null } }, "pattern.match.a.$gte"],
    [{ a: { $grater: 5 } }, "pattern.match.a.$grater"],
    [{ a: {} }, "pattern.match.a"],
    [{ a: [1] }, "pattern.match.a"],
    [{ a: { $in: 5 } }, "pattern.match.a.$in"],
    [{ a: { $in: [{}] } }, "pattern.match.a.$in[0]"],
    [{ a: { $regex: "(" } }, "pattern.match.a.$regex"],
    [{ a: { $exists: 1 } }, "pattern.match.a.$exists"],
    [{ a: { $anomalous: false } }, "pattern.match.a.$anomalous"],
    [{ a: { $anomalous: { sigma: 0 } } }, "pattern.match.a.$anomalous.sigma"],
    [{ a: { $anomalous: { warmup: 1 } } }, "pattern.match.a.$anomalous.warmup"],
    [Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`f${at}`, 1])), "at most 64 fields"],
  ];
  for (const [match, text] of mistakes) assertThrows(() => compileMatch(match, "pattern.match"), Error, text);
});
