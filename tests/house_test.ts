/**
 * Style is a test: one pass over all files, and each message names the file, the line and what to write instead. The rules are data in
 * support/house_rules.ts; this file runs them, first on their own samples and then on the project.
 */
import { assertEquals } from "@std/assert";
import { testWith } from "./support/permissions.ts";
import { type Rule, RULES, type Sample, type Violation } from "./support/house_rules.ts";
import { importsOf, readProject, sourceFile } from "./support/source_text.ts";

const ROOT = new URL("../", import.meta.url);

function checkSample(rule: Rule, sample: Sample): Violation[] {
  return rule.check(Object.entries(sample).map(([path, text]) => sourceFile(path, text)));
}

function listed(violations: readonly Violation[]): string {
  return violations.map(({ path, line, message }) => `${path}:${line} ${message}`).join("\n");
}

for (const rule of RULES) {
  Deno.test(`house rule "${rule.name}" catches what is planted and lets look-alikes pass`, () => {
    const caught = new Set(checkSample(rule, rule.planted).map((violation) => violation.path));
    assertEquals([...caught].sort(), Object.keys(rule.planted).sort());
    assertEquals(listed(checkSample(rule, rule.innocent)), "");
  });
}

testWith({ read: true }, "every file keeps the rules of the house", async () => {
  const files = await readProject(ROOT);
  assertEquals(files.some((file) => file.path === "tests/house_test.ts"), true, "the pass must see this file");
  const broken = RULES.flatMap((rule) => rule.check(files)).map(({ path, line, message }) => `${path}:${line} ${message}`);
  if (broken.length > 0) throw new Error(`${broken.length} to mend:\n${[...new Set(broken)].join("\n")}`);
});

Deno.test("the scanner tells code from comments, strings, templates and regular expressions", () => {
  const cases: readonly [text: string, bare: string][] = [
    ["a(); // b()", "a(); ······"],
    ["a(/* b */ c);\n", "a(······· c);\n"],
    ['a(\'b\', "c\\"d");', "a(···, ······);"],
    ["a(`b${c({ d: `e` })}f`) + g;", "a(····c({ d: ··· })···) + g;"],
    ["a = b / c / d;", "a = b / c / d;"],
    ["a = /[\"/']b/g.test(c);", "a = ·········.test(c);"],
    ["return /'/; b('c');", "return ···; b(···);"],
    ["/** a\n * b */ c", "·····\n······· c"],
    ["a; /* never closed", "a; ···············"],
    ["a; 'open\nb", "a; ·····\nb"],
  ];
  for (const [text, bare] of cases) assertEquals(sourceFile("a.ts", text).bare, bare, text);
});

Deno.test("the scanner finds every form of import and the line of its specifier", () => {
  const text = [
    'import a from "./a.ts";',
    "import {",
    "  type B,",
    '} from "./b.ts";',
    'import type { C } from "./c.ts";',
    'export { d } from "./d.ts";',
    'export type { E } from "./e.ts";',
    'import "./f.ts";',
    'const g = await import("./g.ts"); // import "./no.ts"',
    "const h = \"import x from './no.ts'\";",
    'import i from "./i.js" with { type: "text" };',
  ].join("\n");
  const found = importsOf(sourceFile("a.ts", text)).map(({ specifier, line }) => `${specifier}:${line}`);
  assertEquals(found, ["./a.ts:1", "./b.ts:4", "./c.ts:5", "./d.ts:6", "./e.ts:7", "./f.ts:8", "./g.ts:9", "./i.js:11"]);
});
