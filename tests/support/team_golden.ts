/** One task for each type of the team, with exactly what must come of it. */
import type { AgentType } from "../../core/team/team.ts";

const BAD_CODE = "debugger;\nif (a == b) { risky(); }\n";

/** Input and output by type; a coordinator's workers are left out of its output, since their ids depend on what else was spawned. */
export const GOLDEN: Readonly<Record<AgentType, { input: unknown; output: unknown }>> = {
  coder: {
    input: {
      file: "greet.ts",
      text: "const a = 1;\nconst b = 2;\nprint(a);\n",
      edits: [{ find: "print(a)", replace: "print(a + b)" }, { range: { startLine: 1, endLine: 0 }, text: "// Adds." }],
    },
    output: {
      text: "// Adds.\nconst a = 1;\nconst b = 2;\nprint(a + b);\n",
      diff: "--- a/greet.ts\n+++ b/greet.ts\n@@ -1,3 +1,4 @@\n+// Adds.\n const a = 1;\n const b = 2;\n-print(a);\n+print(a + b);\n",
    },
  },
  reviewer: {
    input: { files: [{ path: "b.ts", text: BAD_CODE }, { path: "a.md", text: "TODO write\n" }] },
    output: {
      findings: [
        { path: "a.md", line: 1, column: 1, rule: "todo-without-owner", severity: "info", message: "say who: TODO(name)." },
        { path: "b.ts", line: 1, column: 1, rule: "debugger", severity: "error", message: "remove the debugger statement." },
        {
          ...{ path: "b.ts", line: 2, column: 7, rule: "loose-equality", severity: "warning" },
          message: "compare with === or !== (== null may stay).",
        },
      ],
      omitted: 0,
    },
  },
  tester: {
    input: {
      cases: [
        { name: "sum", actual: 1 + 1, assert: "equal", expected: 2 },
        { name: "list", actual: { items: [1, 3] }, assert: "deepEqual", expected: { items: [1, 2] } },
      ],
    },
    output: { passed: 1, failed: 1, cases: [{ name: "sum", ok: true }, { name: "list", ok: false, message: "at .items[1]\n- 2\n+ 3" }] },
  },
  analyst: {
    input: { format: "csv", data: 'name,ms\r\n"a, b",2\r\nc,4\r\nc,\r\n' },
    output: {
      rows: 3,
      columns: [
        {
          ...{ column: "name", count: 3, missing: 0, numbers: 0, min: null, max: null, mean: null, median: null, p95: null, stddev: null },
          ...{ distinct: 2, top: [{ value: "c", count: 2 }, { value: "a, b", count: 1 }] },
        },
        {
          ...{ column: "ms", count: 2, missing: 1, numbers: 2, min: 2, max: 4, mean: 3, median: 3, p95: 3.9, stddev: Math.SQRT2 },
          ...{ distinct: 2, top: [{ value: "2", count: 1 }, { value: "4", count: 1 }] },
        },
      ],
    },
  },
  researcher: {
    input: {
      query: "Ring buffer",
      passages: [
        { id: "gold", text: "A ring of gold" },
        { id: "bus", text: "The ring buffer of the bus" },
        { id: "none", text: "Nothing here" },
      ],
    },
    output: {
      results: [
        {
          id: "bus",
          score: 1.204_465_034_326_949_6,
          terms: ["ring", "buffer"],
          snippet: { start: 0, end: 26, text: "The ring buffer of the bus" },
          matches: [{ term: "ring", start: 4, end: 8 }, { term: "buffer", start: 9, end: 15 }],
        },
        {
          id: "gold",
          score: 0.470_003_629_245_735_63,
          terms: ["ring"],
          snippet: { start: 0, end: 14, text: "A ring of gold" },
          matches: [{ term: "ring", start: 2, end: 6 }],
        },
      ],
      matching: 2,
    },
  },
  coordinator: {
    input: {
      task: { files: [{ path: "a.js", text: "eval(x);\n" }, { path: "b.js", text: "ok();\n" }, { path: "c.js", text: "debugger;\n" }] },
      splitBy: "files",
      partItems: 1,
      workers: { type: "reviewer", count: 2 },
      merge: "concat",
      pick: "findings",
    },
    output: {
      merged: [
        { path: "a.js", line: 1, column: 1, rule: "eval", severity: "error", message: "code made from text: call a function instead." },
        { path: "c.js", line: 1, column: 1, rule: "debugger", severity: "error", message: "remove the debugger statement." },
      ],
      parts: [{ ok: true, attempts: 1 }, { ok: true, attempts: 1 }, { ok: true, attempts: 1 }],
      failed: 0,
    },
  },
};

/** An output without what differs from run to run. */
export function comparable(output: unknown): unknown {
  const { parts } = output as { parts?: Record<string, unknown>[] };
  return parts === undefined ? output : { ...output as object, parts: parts.map(({ worker: _worker, ...part }) => part) };
}
