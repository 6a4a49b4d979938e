import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { InvalidArgumentError } from "../../core/base/errors.ts";
import { DIFF_STEPS_MAX, TEAM_EDITED_CHARS_MAX, TEAM_EDITS_MAX, TEAM_TEXT_CHARS_MAX } from "../../core/base/limits.ts";
import { applied } from "../../core/team/coder.ts";
import { lineChanges } from "../../core/team/line_diff.ts";
import { unifiedDiff } from "../../core/team/unified_diff.ts";
import { applyDiff } from "../support/apply_diff.ts";
import { missingFlags, testWith } from "../support/permissions.ts";

/** Few different lines, so that many are equal; with and without a last line end. */
const lines = fc.array(fc.constantFrom("a", "b", "c", "", "-- x", "+y\r", " z"), { maxLength: 30 });
const text = fc.tuple(lines, fc.boolean()).map(([all, ends]) => all.join("\n") + (ends && all.length > 0 ? "\n" : ""));

function edit(before: string, ...edits: unknown[]): string {
  return applied({ text: before, edits }).text;
}

Deno.test("edits replace texts and lines, each on what those before it have made", () => {
  const cases: [before: string, edit: unknown, after: string][] = [
    ["a b a", { find: "b", replace: "$&" }, "a $& a"],
    ["a b a", { find: "a", replace: "", count: 2 }, " b "],
    ["aaaa", { find: "aa", replace: "b", count: "all" }, "bb"],
    ["1\n2\n3\n", { range: { startLine: 2, endLine: 2 }, text: "x\ny" }, "1\nx\ny\n3\n"],
    ["1\n2\n3\n", { range: { startLine: 2, endLine: 3 }, text: "" }, "1\n"],
    ["1\n2\n3", { range: { startLine: 3, endLine: 3 }, text: "x" }, "1\n2\nx"],
    ["1\n2", { range: { startLine: 3, endLine: 2 }, text: "3\n" }, "1\n2\n3\n"],
    ["1\n2\n", { range: { startLine: 1, endLine: 0 }, text: "0" }, "0\n1\n2\n"],
    ["", { range: { startLine: 1, endLine: 0 }, text: "1" }, "1"],
  ];
  for (const [before, one, after] of cases) assertEquals(edit(before, one), after, JSON.stringify(one));
  assertEquals(edit("a", { find: "a", replace: "b\nc" }, { range: { startLine: 2, endLine: 2 }, text: "d" }), "b\nd");
});

Deno.test("an edit that does not fit is an error that names it", () => {
  const cases: [edits: unknown, field: string][] = [
    [{}, "edits"],
    [[7], "edits[0]"],
    [[{ find: "a", replace: "b" }, { find: "gone", replace: "b" }], "edits[1].find"],
    [[{ find: "one", replace: "b" }], "edits[0].find"],
    [[{ find: "one", replace: "b", count: 3 }], "edits[0].find"],
    [[{ find: "none", replace: "b", count: "all" }], "edits[0].find"],
    [[{ find: "", replace: "b" }], "edits[0].find"],
    [[{ find: "a" }], "edits[0].replace"],
    [[{ find: "a", replace: "b", count: 0 }], "edits[0].count"],
    [[{ find: "a", range: { startLine: 1, endLine: 1 }, text: "" }], "edits[0]"],
    [[{ replace: "a" }], "edits[0]"],
    [[{ range: { startLine: 0, endLine: 1 }, text: "" }], "edits[0].range.startLine"],
    [[{ range: { startLine: 3, endLine: 9 }, text: "" }], "edits[0].range.endLine"],
    [[{ range: { startLine: 3, endLine: 1 }, text: "" }], "edits[0].range.endLine"],
    [[{ range: { startLine: 1, endLine: 1 } }], "edits[0].text"],
    [[{ find: "a", replace: "b", times: 1 }], "edits[0].times"],
    [new Array(TEAM_EDITS_MAX + 1).fill({ find: "a", replace: "a" }), "edits"],
    [[{ find: "a", replace: "b".repeat(TEAM_TEXT_CHARS_MAX) }], "edits[0].replace"],
  ];
  for (const [edits, field] of cases) {
    const error = assertThrows(() => applied({ text: "a\none one\n3\n", edits }), InvalidArgumentError);
    assertEquals(error.field, field, error.message);
  }
  const big = { text: "a".repeat(TEAM_TEXT_CHARS_MAX + 1), edits: [] };
  assertEquals(assertThrows(() => applied(big), InvalidArgumentError).field, "text");
  const often = TEAM_EDITED_CHARS_MAX / TEAM_TEXT_CHARS_MAX;
  const many = {
    text: "a".repeat(TEAM_TEXT_CHARS_MAX),
    edits: new Array(often + 1).fill({ range: { startLine: 2, endLine: 1 }, text: "" }),
  };
  assertEquals(assertThrows(() => applied(many), InvalidArgumentError).field, `edits[${often}]`);
  assertEquals(assertThrows(() => applied({ file: "a\nb", text: "", edits: [] }), InvalidArgumentError).field, "file");
});

Deno.test("a diff leads from the old text to the new one", () => {
  fc.assert(
    fc.property(text, text, (before, after) => {
      const diff = unifiedDiff("f", before, after);
      assertEquals(diff === "", before === after);
      assertEquals(applyDiff(before, diff), after);
    }),
    { numRuns: 500 },
  );
});

Deno.test("no shorter way exists than the one found", () => {
  fc.assert(
    fc.property(lines, lines, (before, after) => {
      const steps = lineChanges(before, after).reduce((sum, { oldCount, newCount }) => sum + oldCount + newCount, 0);
      assertEquals(steps, before.length + after.length - 2 * commonLength(before, after));
    }),
    { numRuns: 500 },
  );
});

/** Length of the longest common subsequence, by the table. */
function commonLength(a: readonly string[], b: readonly string[]): number {
  let row = new Array(b.length + 1).fill(0);
  for (const line of a) {
    const next = [0];
    for (let at = 0; at < b.length; at++) next.push(line === b[at] ? row[at] + 1 : Math.max(row[at + 1], next[at]));
    row = next;
  }
  return row[b.length];
}

Deno.test("texts that differ in more lines than are searched are replaced as a whole, between what is equal at both ends", () => {
  const middle = (word: string) => Array.from({ length: DIFF_STEPS_MAX }, (_, line) => `${word} ${line}\n`).join("");
  const [before, after] = [`head\n${middle("old")}tail\n`, `head\n${middle("new")}tail\n`];
  assertEquals(lineChanges(before.split("\n"), after.split("\n")), [
    { oldAt: 1, oldCount: DIFF_STEPS_MAX, newAt: 1, newCount: DIFF_STEPS_MAX },
  ]);
  assertEquals(applyDiff(before, unifiedDiff("f", before, after)), after);
});

const takesDiffs = "the program patch takes the diffs";
if (missingFlags({ run: true }).length === 0 && !(await hasPatch())) {
  Deno.test({ name: `${takesDiffs} (skipped: this machine has none)`, ignore: true, fn: () => undefined });
} else {
  testWith({ read: true, write: true, run: true }, takesDiffs, async () => {
    const folder = await Deno.makeTempDir();
    try {
      const pairs = fc.sample(fc.tuple(text, text), { numRuns: 40, seed: 7 });
      pairs.push(["", "a\n"], ["a\n", ""], ["a", "a\n"], ["a\n", "a"], ["a\nb", "a\nc"]);
      for (const [before, after] of pairs.filter(([old, fresh]) => old !== fresh)) {
        await Deno.writeTextFile(`${folder}/f`, before);
        await Deno.writeTextFile(`${folder}/d`, unifiedDiff("f", before, after));
        const { code, stdout } = await new Deno.Command("patch", { args: ["--binary", "-p1", "-f", "-i", "d", "f"], cwd: folder }).output();
        const said = new TextDecoder().decode(stdout);
        assertEquals([code, said.includes("fuzz") || said.includes("offset")], [0, false], said);
        assertEquals(await Deno.readTextFile(`${folder}/f`), after);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

async function hasPatch(): Promise<boolean> {
  try {
    return (await new Deno.Command("patch", { args: ["--version"] }).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

Deno.test("the head of a diff names the file", () => {
  assertStringIncludes(
    applied({ file: "src/a.ts", text: "a", edits: [{ find: "a", replace: "b" }] }).diff,
    "--- a/src/a.ts\n+++ b/src/a.ts\n",
  );
});
