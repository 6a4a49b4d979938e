/**
 * Work for each of the six built-in agent types, with what must come of it. The load asks for it now and then, so that every scenario proves that
 * agents do their work under load, not only that messages pass.
 *
 * @module
 */
import type { AgentId } from "../agents/agent.ts";
import type { AgentType } from "../team/team.ts";

/** One of each type, on one thread. */
export type Crew = Readonly<Record<AgentType, AgentId>>;

/** One piece of work. */
export interface TeamWork {
  /** Who does it. */
  readonly type: AgentType;
  /** What it is asked; it may name others of its crew. */
  readonly input: (crew: Crew) => unknown;
  /** Messages that the ask and its reply come to, with those that the agent itself asks and is replied. */
  readonly messages: number;
  /** The answer, as JSON, less what differs from run to run. */
  readonly golden: string;
}

const FILES = [{ path: "a.js", text: "eval(x);\n" }, { path: "b.js", text: "ok();\n" }];
const EVAL = {
  path: "a.js",
  line: 1,
  column: 1,
  rule: "eval",
  severity: "error",
  message: "code made from text: call a function instead.",
};

/** One for each type. */
export const TEAM_WORK: readonly TeamWork[] = [
  {
    type: "coder",
    input: () => ({ file: "a.ts", text: "let a = 1;\nprint(a);\n", edits: [{ find: "let", replace: "const" }] }),
    messages: 2,
    golden: JSON.stringify({
      text: "const a = 1;\nprint(a);\n",
      diff: "--- a/a.ts\n+++ b/a.ts\n@@ -1,2 +1,2 @@\n-let a = 1;\n+const a = 1;\n print(a);\n",
    }),
  },
  { type: "reviewer", input: () => ({ files: FILES }), messages: 2, golden: JSON.stringify({ findings: [EVAL], omitted: 0 }) },
  {
    type: "tester",
    input: () => ({ cases: [{ name: "sum", actual: 1 + 1, assert: "equal", expected: 2 }] }),
    messages: 2,
    golden: JSON.stringify({ passed: 1, failed: 0, cases: [{ name: "sum", ok: true }] }),
  },
  {
    type: "analyst",
    input: () => ({ format: "csv", data: "ms\r\n2\r\n4\r\n" }),
    messages: 2,
    golden: JSON.stringify({
      rows: 2,
      columns: [{
        ...{ column: "ms", count: 2, missing: 0, numbers: 2, min: 2, max: 4, mean: 3, median: 3, p95: 3.9, stddev: Math.SQRT2 },
        ...{ distinct: 2, top: [{ value: "2", count: 1 }, { value: "4", count: 1 }] },
      }],
    }),
  },
  {
    type: "researcher",
    input: () => ({ query: "ring", passages: [{ id: "gold", text: "A ring of gold" }, { id: "none", text: "Nothing here" }] }),
    messages: 2,
    golden: JSON.stringify({ results: [{ id: "gold", terms: ["ring"] }], matching: 1 }),
  },
  {
    type: "coordinator",
    input: ({ reviewer }) => ({
      task: { files: FILES },
      splitBy: "files",
      partItems: 2,
      workers: [reviewer],
      merge: "concat",
      pick: "findings",
    }),
    messages: 4,
    golden: JSON.stringify({ merged: [EVAL], failed: 0 }),
  },
];

/** An answer as it is compared: without a researcher's scores and places, and without who worked at a coordinator's parts. */
export function comparable(type: AgentType, answer: unknown): string {
  if (type === "researcher") {
    const { results, matching } = answer as { results: { id: unknown; terms: unknown }[]; matching: number };
    return JSON.stringify({ results: results.map(({ id, terms }) => ({ id, terms })), matching });
  }
  if (type === "coordinator") {
    const { merged, failed } = answer as { merged: unknown; failed: number };
    return JSON.stringify({ merged, failed });
  }
  return JSON.stringify(answer);
}
