import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { InvalidArgumentError } from "../../core/base/errors.ts";
import { TEAM_FINDINGS_MAX, TEAM_TEXT_CHARS_MAX } from "../../core/base/limits.ts";
import { maskCode } from "../../core/team/code_mask.ts";
import { REVIEW_RULES, type ReviewRuleName } from "../../core/team/review_rules.ts";
import { reviewed } from "../../core/team/reviewer.ts";

/** `line:column` of what one rule finds in a text. */
function found(rule: ReviewRuleName, text: string, path = "a.ts"): string[] {
  return reviewed({ files: [{ path, text }], rules: [rule], lineCharsMax: 20 }).findings.map(({ line, column }) => `${line}:${column}`);
}

/** Written apart, so that this file does not hold what the rules look for. */
const KEY = "AKIA" + "ABCDEFGHIJKLMNOP";

Deno.test("each rule finds what it is about and lets look-alikes pass", () => {
  const cases: Record<ReviewRuleName, { caught: [text: string, ...at: string[]][]; passes: string[] }> = {
    "conflict-marker": {
      caught: [["<<<<<<< a\n1\n=======\n2\n>>>>>>> b\n", "1:1", "3:1", "5:1"]],
      passes: ["Title\n=======\n", "<<<<<<<<\n", " <<<<<<< a"],
    },
    "secret": {
      caught: [[`key ${KEY}`, "1:5"], ["-----BEGIN RSA " + "PRIVATE KEY-----", "1:1"], ["x.api_key" + ' = "abcdefgh1"', "1:3"]],
      passes: ["api_key = process.env.KEY", 'token = "short"', `x${KEY}`, "const token = next();"],
    },
    "unbalanced-bracket": {
      caught: [["f(a[0)]", "1:6"], ["{\n  (\n}", "3:1"], ["f(1, {", "1:6"], [")", "1:1"]],
      passes: ["f([{}])", '")" + /[)]/ + `)${(1)}}` // }', "/* ( */"],
    },
    "debugger": { caught: [["a;\n  debugger;", "2:3"]], passes: ["a.debugger; // debugger", "'debugger'", "debuggers"] },
    "eval": {
      caught: [["eval(x)", "1:1"], ["new  Function(x)", "1:1"]],
      passes: ["a.eval(x)", "// eval(x)", "evaluate(x)", "new Functional()"],
    },
    "empty-catch": {
      caught: [["try { a() } catch {}", "1:13"], ["try { a() } catch (e) {\n}", "1:13"]],
      passes: ["catch (e) { report(e); }", "catch { /* closed already */ }", "// catch {}"],
    },
    "loose-equality": {
      caught: [["a == b != c", "1:3", "1:8"]],
      passes: ["a === b !== c", "a <= b", "a => b", "a == null", "'=='", "a >>= b"],
    },
    "console": { caught: [["console.log(1)", "1:1"]], passes: ["my.console.log(1)", "'console.log'", "consoles.log"] },
    "todo-without-owner": { caught: [["// TODO later", "1:4"], ["FIXME: x", "1:1"]], passes: ["// TODO(ann): later", "TODOS", "todo"] },
    "trailing-whitespace": { caught: [["a \nb\t\r\n", "1:2", "2:2"]], passes: ["a\r\nb\n", ""] },
    "tab": { caught: [["\t\ta\tb", "1:1", "1:4"]], passes: ["a\\tb"] },
    "line-too-long": { caught: [["b".repeat(21) + "\n" + "a".repeat(20), "1:21"]], passes: ["a".repeat(20) + "\r\n"] },
    "no-final-newline": { caught: [["a\nb", "2:2"]], passes: ["", "a\n"] },
  };
  for (const rule of Object.keys(REVIEW_RULES) as ReviewRuleName[]) {
    for (const [text, ...at] of cases[rule].caught) assertEquals(found(rule, text), at, `${rule}: ${JSON.stringify(text)}`);
    for (const text of cases[rule].passes) assertEquals(found(rule, text), [], `${rule}: ${JSON.stringify(text)}`);
  }
});

Deno.test("rules about code hold for code only", () => {
  for (const rule of ["debugger", "eval", "console", "loose-equality", "unbalanced-bracket"] as const) {
    assertEquals(found(rule, "debugger eval( console. a == b }", "a.md"), []);
  }
});

Deno.test("findings come by path, line, column and rule; more than the bound are counted", () => {
  const text = "\t \n".repeat(TEAM_FINDINGS_MAX);
  const { findings, omitted } = reviewed({ files: [{ path: "b", text }, { path: "a", text: "\t " }] });
  assertEquals(findings.slice(0, 4).map(({ path, line, column, rule }) => `${path} ${line}:${column} ${rule}`), [
    "a 1:1 tab",
    "a 1:1 trailing-whitespace",
    "a 1:3 no-final-newline",
    "b 1:1 tab",
  ]);
  assertEquals([findings.length, omitted], [TEAM_FINDINGS_MAX, 3 + 2 * TEAM_FINDINGS_MAX - TEAM_FINDINGS_MAX]);
  const places = findings.slice(3).map(({ line, column }) => 1_000_000 * line + column);
  assertEquals(places, places.toSorted((a, b) => a - b));
});

Deno.test("bad input names the field", () => {
  const text = "a".repeat(TEAM_TEXT_CHARS_MAX / 2 + 1);
  const cases: [input: unknown, field: string][] = [
    [{}, "files"],
    [{ files: [1] }, "files[0]"],
    [{ files: [{ path: "a", text: 1 }] }, "files[0].text"],
    [{ files: [{ text: "" }] }, "files[0].path"],
    [{ files: [], rules: [] }, "rules"],
    [{ files: [], rules: ["tab", "none"] }, "rules[1]"],
    [{ files: [], lineCharsMax: 0 }, "lineCharsMax"],
    [{ files: [{ path: "a", text }, { path: "b", text }] }, "files"],
  ];
  for (const [input, field] of cases) assertEquals(assertThrows(() => reviewed(input), InvalidArgumentError).field, field);
});

Deno.test("a mask keeps length and lines, and code outside of strings and comments", () => {
  const piece = fc.constantFrom("a", " ", "\n", "/", "*", "'", '"', "`", "${", "}", "{", "\\", "[", "]", "=", "//", "/*", "*/", "return");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const text = pieces.join("");
      const mask = maskCode(text);
      assertEquals(mask.length, text.length);
      for (let at = 0; at < text.length; at++) assertEquals(mask[at] === text[at] || (mask[at] === "·" && text[at] !== "\n"), true);
    }),
    { numRuns: 500 },
  );
  const cases: [text: string, mask: string][] = [
    ["a(); // b()", "a(); ······"],
    ["a(/* b */ c);", "a(········ c);".replace("········", "·".repeat(7))],
    ["a = `b${c({ d: `e` })}f`;", "a = ····c({ d: ··· })···;"],
    ["a = b / c / d;", "a = b / c / d;"],
    ["return /'/; b('c');", "return ···; b(···);"],
    ["'a' / 2 / 'b'", "··· / 2 / ···"],
    ["'open\nb", "·····\nb"],
  ];
  for (const [text, mask] of cases) assertEquals(maskCode(text), mask, text);
});
