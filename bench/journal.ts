/**
 * Workflows of five steps with a journal whose lines have reached the disk before the next step begins, 500 at once, beside bare inserts into the same SQLite in
 * groups of as many. In turns in one run.
 *
 * ```sh
 * deno run --allow-read --allow-write bench/journal.ts          # 5 rounds
 * ```
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { FileJournal, OrchestrationEngine } from "../mod.ts";

const ROUNDS = Number(Deno.args[0] ?? 5);
const CONCURRENT = 500;
const WORKFLOWS = 5_000;
const STEPS = 5;

const folder = await Deno.makeTempDir();
const engine = new OrchestrationEngine({ journal: new FileJournal(`${folder}/journal.sqlite`) });
engine.action("step", async (input: number) => await input + 1);
const definition = {
  id: "durable",
  steps: Array.from({ length: STEPS }, (_, at) => ({ id: `s${at}`, action: "step", dependencies: at === 0 ? [] : [`s${at - 1}`] })),
};
const bare = new DatabaseSync(`${folder}/bare.sqlite`);
bare.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE rows (execution TEXT, step TEXT, result TEXT)");
const insert = bare.prepare("INSERT INTO rows VALUES (?, ?, ?)");

async function workflows(): Promise<void> {
  let left = WORKFLOWS;
  await Promise.all(Array.from({ length: CONCURRENT }, async () => {
    while (left-- > 0) {
      const { state } = await (await engine.start(definition, { input: 1 })).result();
      if (state !== "COMPLETED") throw new Error(state);
    }
  }));
}

function rows(): void {
  for (let written = 0; written < WORKFLOWS * STEPS;) {
    bare.exec("BEGIN");
    for (let at = 0; at < CONCURRENT; at++) insert.run(`durable-${written}`, `s${written++ % STEPS}`, "2");
    bare.exec("COMMIT");
  }
}

const times: [number[], number[]] = [[], []];
for (let round = -1; round < ROUNDS; round++) {
  for (const [index, work] of [workflows, rows].entries()) {
    const begun = performance.now();
    await work();
    if (round >= 0) times[index].push(performance.now() - begun);
  }
}
engine.close();
bare.close();
await Deno.remove(folder, { recursive: true });
const [ours, theirs] = times.map((list) => list.sort((a, b) => a - b)[list.length >> 1]);
const perSecond = (count: number, ms: number): string => Math.round(count * 1_000 / ms).toLocaleString("en");
console.log(
  `@stage3/kernel, journal   ${perSecond(WORKFLOWS, ours)} workflows/s, ${
    perSecond(WORKFLOWS * STEPS, ours)
  } steps/s, ${CONCURRENT} at once`,
);
console.log(
  `bare node:sqlite          ${perSecond(WORKFLOWS * STEPS, theirs)} rows/s in groups of ${CONCURRENT}  (${
    (ours / theirs).toFixed(2)
  } × the time)`,
);
