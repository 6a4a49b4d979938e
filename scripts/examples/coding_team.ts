/**
 * A coordinator, two coders, two reviewers and a tester mend two files: the tests fail, the coders edit, the reviewers find what was left behind,
 * the coders remove it, the tests pass. All six types are built in, so that no permission is needed.
 *
 * ```sh
 * deno run scripts/examples/coding_team.ts
 * ```
 *
 * @module
 */
import type { CoderOutput, CoordinatorOutput, Edit, Finding, TesterOutput } from "@stage3/kernel";
import { UltraFastAgentManager } from "@stage3/kernel";

const BEFORE = [
  {
    path: "slug.js",
    text: `/** "Hello, World" → "hello-world" */
export function slug(title) {
  return title.toLowerCase().replace(" ", "-");
}
`,
  },
  { path: "shout.js", text: 'export function shout(text) {\n  return text + "!";\n}\n' },
];
const EDITS: Edit[][] = [
  [{ find: 'replace(" ", "-")', replace: 'replaceAll(/[^a-z0-9]+/g, "-")' }],
  [{ find: "  return text +", replace: "  debugger;\n  return text.toUpperCase() +" }],
];

await using manager = new UltraFastAgentManager({ threads: 2 });
await manager.initialize();
const [lead, tester] = [await manager.spawnAgent("coordinator"), await manager.spawnAgent("tester")];

const red = await test(BEFORE);
console.log(`tests before: ${red.passed} passed, ${red.failed} failed`);

const edited = await code(BEFORE, EDITS);
const first = await review(edited);
for (const { path, line, column, message } of first) console.log(`review: ${path}:${line}:${column} ${message}`);

const removals = edited.map(({ path }) =>
  first.filter((finding) => finding.path === path).map(({ line }): Edit => ({ range: { startLine: line, endLine: line }, text: "" }))
);
const after = await code(edited, removals);
console.log(`review after: ${(await review(after)).length} findings`);

const green = await test(after);
console.log(`tests after: ${green.passed} passed, ${green.failed} failed\n`);
const whole = BEFORE.map(({ text }, index) => [{ find: text, replace: after[index].text }]);
console.log((await outputs(BEFORE, whole)).map(({ diff }) => diff).join(""));
if (green.failed > 0) Deno.exitCode = 1;

/** What the coders reply: one file a part, side by side. */
async function outputs(files: typeof BEFORE, edits: Edit[][]): Promise<CoderOutput[]> {
  const parts = files.map(({ path, text }, index) => ({ file: path, text, edits: edits[index] }));
  return (await manager.ask<CoordinatorOutput>(lead, { parts, workers: { type: "coder", count: 2 } })).merged as CoderOutput[];
}

async function code(files: typeof BEFORE, edits: Edit[][]): Promise<typeof BEFORE> {
  return (await outputs(files, edits)).map(({ text }, index) => ({ path: files[index].path, text }));
}

async function review(files: typeof BEFORE): Promise<Finding[]> {
  const work = { task: { files }, splitBy: "files", workers: { type: "reviewer", count: 2 }, pick: "findings", merge: "concat" };
  return (await manager.ask<CoordinatorOutput>(lead, work)).merged as Finding[];
}

/** Runs the texts as modules and lets the tester judge what they return. */
async function test(files: typeof BEFORE): Promise<TesterOutput> {
  const [{ slug }, { shout }] = await Promise.all(files.map(({ text }) => import(`data:text/javascript,${encodeURIComponent(text)}`)));
  const cases = [
    { name: "one slug", actual: slug("A good, long title"), assert: "equal", expected: "a-good-long-title" },
    { name: "one shout", actual: shout("well done"), assert: "equal", expected: "WELL DONE!" },
  ];
  return await manager.ask<TesterOutput>(tester, { cases });
}
