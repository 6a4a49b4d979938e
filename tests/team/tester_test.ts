import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { AskTimeoutError, InvalidArgumentError } from "../../core/base/errors.ts";
import { TEAM_ITEMS_MAX, TEAM_PATTERN_WORK_MAX } from "../../core/base/limits.ts";
import type { Assertion } from "../../core/team/assertions.ts";
import { differences } from "../../core/team/difference.ts";
import { tested, type TesterOutput } from "../../core/team/tester.ts";

type Asker = Parameters<typeof tested>[1];

function asker(reply: (value: unknown) => unknown, signal = new AbortController().signal): Asker {
  return { id: 1, signal, ask: (_to, value) => new Promise((resolve) => resolve(reply(value) as never)) };
}

const NOBODY = asker(() => {
  throw new Error("not asked");
});

function check(actual: unknown, assert: Assertion, expected?: unknown): string | undefined {
  const { cases } = tested({ cases: [{ name: "case", actual, assert, expected }] }, NOBODY) as TesterOutput;
  return cases[0].ok ? undefined : cases[0].message;
}

Deno.test("assertions pass and fail, and say what differs", () => {
  const cases: [actual: unknown, assert: Assertion, expected: unknown, message?: string][] = [
    [NaN, "equal", NaN],
    [0, "equal", -0, "- -0\n+ 0"],
    ["1", "equal", 1, '- 1\n+ "1"'],
    [{ a: [1, { b: 2 }] }, "deepEqual", { a: [1, { b: 2 }] }],
    [{ a: 1, b: 2 }, "deepEqual", { a: 2, c: 3 }, "at .a\n- 2\n+ 1\nat .c\n- 3\n+ nothing\nat .b\n- nothing\n+ 2"],
    ["abc", "contains", "b"],
    ["abc", "contains", "x", '+ "abc"\n- does not contain "x"'],
    [[{ a: 1 }, 2], "contains", { a: 1 }],
    [new Set([1]), "contains", 2, "+ Set of 1\n- does not contain 2"],
    [{ a: 1, b: { c: 2 } }, "contains", { b: { c: 2 } }],
    [{ a: 1 }, "contains", { a: 2 }, "+ { a: 1 }\n- does not contain { a: 2 }"],
    ["v1.2", "matches", "^v\\d+\\.\\d+$"],
    ["V1", "matches", /^v\d$/i],
    ["x", "matches", "y", '+ "x"\n- does not match "y"'],
    [7, "matches", "7", '+ 7\n- does not match "7"'],
    [2, "greater", 1],
    [2n, "greater", 1],
    [1, "greater", 1, "+ 1\n- is not greater than 1"],
    ["2", "less", 3, '+ "2"\n- is not less than 3'],
    [new Date(0), "less", new Date(1)],
    [Object.assign(new TypeError("no such key"), { code: "KEY" }), "throws", { name: "TypeError", message: "such", code: "KEY" }],
    [{ message: "shaped" }, "throws", undefined],
    [new Error("a"), "throws", { message: "b" }, 'at .message\n- "b"\n+ "a"'],
    [1, "throws", undefined, "+ 1\n- is no error"],
  ];
  for (const [actual, assert, expected, message] of cases) assertEquals(check(actual, assert, expected), message, `${assert} ${message}`);
});

Deno.test("values of every type are the same as their copies, and differ where one thing is changed", () => {
  const value = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withTypedArray: true,
    withSparseArray: true,
  });
  fc.assert(fc.property(value, (one) => {
    let copy: unknown;
    try {
      copy = structuredClone(one);
    } catch {
      return; // it cannot be sent either
    }
    assertEquals(differences(one, copy), []);
    assertEquals(differences([1, { one }], [1, { one: [copy] }]).length > 0, true);
  }));
  const changed: [a: unknown, b: unknown, path: string][] = [
    [new Map([["k", { a: 1 }]]), new Map([["k", { a: 2 }]]), '<"k">.a'],
    [new Map([[{ k: 1 }, 1]]), new Map([[{ k: 2 }, 1]]), '<"entry 0">[0].k'],
    [new Set([1]), new Set([2]), "<1>"],
    [new Uint8Array([1, 2]), new Uint8Array([1, 3]), " byte 1"],
    [new Uint8Array([1]), new Int8Array([1]), ""],
    [new Date(0), new Date(1), ""],
    [Object(1n), Object(2n), ""],
    [[1, 2], [1], ".length"],
    [{ "a b": 1 }, { "a b": 2 }, '["a b"]'],
  ];
  for (const [a, b, path] of changed) assertEquals(differences(a, b)[0].path, path);
});

Deno.test("cycles end, and what is nested too deeply counts as different", () => {
  const cycle = (): { self?: unknown } => {
    const one: { self?: unknown } = {};
    one.self = { self: one };
    return one;
  };
  assertEquals(differences(cycle(), cycle()), []);
  const nested = (depth: number): unknown => depth === 0 ? 1 : [nested(depth - 1)];
  assertEquals(differences(nested(400), nested(400)), []);
  assertEquals(differences(nested(600), nested(600)).length, 1);
});

const ATOMS = ["a", "b", ".", "[ab]", "[^a]", "\\w", "\\d", "^", "$", "\\b", "(?:ab|b)", "(a)", "\\.", "\\u{61}", "(?:(b*)*)", "(?:|a)"];
const pattern = fc.array(fc.tuple(fc.constantFrom(...ATOMS), fc.constantFrom("", "", "*", "+", "?", "{2}", "{1,3}", "{2,}", "*?", "|")), {
  maxLength: 5,
}).map((parts) => parts.map(([atom, sign]) => ["^", "$", "\\b"].includes(atom) && sign !== "|" ? atom : atom + sign).join(""));

Deno.test("patterns match what the runtime's own expressions match", () => {
  const text = fc.array(fc.constantFrom("a", "b", "1", ".", " ", "\n", "A", "😀"), { maxLength: 8 }).map((parts) => parts.join(""));
  const flags = fc.subarray(["i", "m", "s"]);
  fc.assert(
    fc.property(pattern, text, flags, (source, sample, chosen) => {
      const own = new RegExp(source, `u${chosen.join("")}`);
      // V8 misses the alternatives of a pattern that begins with `.*?` under the flag s: /.*?a^|b/s.test("b") is false. With [^] for the dot it does not.
      const reference = chosen.includes("s") ? new RegExp(source.replace(/(?<!\\)\./g, "[^]"), own.flags) : own;
      assertEquals(check(sample, "matches", own) === undefined, reference.test(sample), `${own} on ${JSON.stringify(sample)}`);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("patterns that cannot be used, and texts that are too much for one, name the field and are refused before anything runs", () => {
  const sources = ["(", ")", "[", "a**", "(?=a)", "(?<!a)", "\\1", "a{3,1}", "[b-a]", "(?:a{100}){2}", "(".repeat(60) + ")".repeat(60), 7];
  sources.push("a".repeat(501), /a/v as unknown as string, `${"(".repeat(20)}a{0}${"){999}".repeat(20)}`);
  for (const source of sources) {
    const error = assertThrows(() => check("a", "matches", source), InvalidArgumentError);
    assertEquals(error.field, "cases[0].expected", String(source));
  }
  // Such a pattern would hold the runtime's own expressions for longer than anybody waits.
  assertEquals(
    check("a".repeat(100_000), "matches", "(a*)*b"),
    `+ ${JSON.stringify("a".repeat(78)).slice(0, -1)}…\n- does not match "(a*)*b"`,
  );
  assertThrows(() => check("a".repeat(TEAM_PATTERN_WORK_MAX / 4), "matches", "aaaa"), InvalidArgumentError, "too many");
});

Deno.test("another agent is asked case by case; its failures are results", async () => {
  const agent = asker((value) => {
    if (value === "fail") throw Object.assign(new Error("it failed"), { code: "X" });
    if (value === "late") throw new AskTimeoutError(2, 5);
    return { got: value };
  });
  const cases = [
    { name: "same", send: 1, expect: { got: 1 } },
    { name: "other", send: 1, expect: { got: 2 } },
    { name: "holds", send: "abc", assert: "contains", expect: { got: "abc" } },
    { name: "throws", send: "fail", assert: "throws", expect: { code: "X" } },
    { name: "no error", send: 1, assert: "throws" },
    { name: "late", send: "late", expect: 1 },
  ];
  const { passed, failed, cases: results } = await tested({ target: 2 ** 21, cases, timeoutMs: 5 }, agent);
  assertEquals([passed, failed], [3, 3]);
  assertEquals(results.map(({ ok }) => ok), [true, false, true, true, false, false]);
  assertEquals(results[1].message, "at .got\n- 2\n+ 1");
  assertEquals(results[4].message, "- an error\n+ the reply { got: 1 }");
  assertEquals(results[5].message?.startsWith("- a reply\n+ AskTimeoutError: agent 2 did not reply"), true);
});

Deno.test("a tester that is told to stop asks no more", async () => {
  const stop = new AbortController();
  let asked = 0;
  const agent = asker(() => {
    asked++;
    stop.abort(new Error("stopped"));
  }, stop.signal);
  await assertRejects(
    async () => await tested({ target: 2 ** 21, cases: [{ name: "1", send: 1 }, { name: "2", send: 2 }] }, agent),
    Error,
    "stopped",
  );
  assertEquals(asked, 1);
});

Deno.test("bad input names the field", () => {
  const one = { name: "a", actual: 1, assert: "equal" };
  const cases: [input: unknown, field: string][] = [
    [{}, "cases"],
    [{ cases: new Array(TEAM_ITEMS_MAX + 1).fill(one) }, "cases"],
    [{ cases: [one, { ...one, name: 1 }] }, "cases[1].name"],
    [{ cases: [{ ...one, assert: "like" }] }, "cases[0].assert"],
    [{ cases: [{ ...one, expect: 1 }] }, "cases[0].expect"],
    [{ cases: [{ ...one, assert: "greater", expected: {} }] }, "cases[0].expected"],
    [{ cases: [{ ...one, assert: "throws", expected: { stack: "" } }] }, "cases[0].expected.stack"],
    [{ target: "x", cases: [] }, "target"],
    [{ target: 1, cases: [] }, "target"],
    [{ target: 2 ** 21, cases: [one] }, "cases[0].actual"],
    [{ target: 2 ** 21, cases: [], timeoutMs: 0 }, "timeoutMs"],
  ];
  for (const [input, field] of cases) assertEquals(assertThrows(() => tested(input, NOBODY), InvalidArgumentError).field, field);
});
