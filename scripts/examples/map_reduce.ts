/**
 * Counts the words of files: the text is cut into parts, agents on all threads count the words of one part each at a time and put the counts into
 * the store (map), and the counts of all parts are added up (reduce).
 *
 * ```sh
 * deno run --allow-read=. scripts/examples/map_reduce.ts README.md core/README.md
 * ```
 *
 * @module
 */
import { UltraFastAgentManager } from "@stage3/kernel";

const COUNTERS = 4;
const LINES_PER_PART = 50;
const SHOWN = 10;

const files = Deno.args.length > 0 ? Deno.args : ["README.md"];
const lines = (await Promise.all(files.map((file) => Deno.readTextFile(file)))).join("\n").split("\n");
const parts: string[] = [];
for (let at = 0; at < lines.length; at += LINES_PER_PART) parts.push(lines.slice(at, at + LINES_PER_PART).join("\n"));

await using manager = new UltraFastAgentManager({
  threads: 2,
  behaviors: { counter: new URL("./word_counter.ts", import.meta.url) },
});
await manager.initialize();
const counters = await manager.spawnAgentBatch("counter", COUNTERS);

// Map: each agent takes the next part when it has done one, so that nobody waits for the slowest.
let next = 0;
let words = 0;
await Promise.all(counters.map(async (counter) => {
  while (next < parts.length) {
    const part = next++;
    const counted = await manager.ask<number>(counter, { part, text: parts[part] });
    words += counted;
  }
}));

// Reduce: what the threads have put into the store.
const totals = new Map<string, number>();
for (const part of parts.keys()) {
  for (const [word, count] of manager.memoryStore.get("counts", String(part)) as Map<string, number>) {
    totals.set(word, (totals.get(word) ?? 0) + count);
  }
}
const top = [...totals].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).slice(0, SHOWN);
for (const [word, count] of top) console.log(`${String(count).padStart(6)} ${word}`);
console.log(`${words} words, ${totals.size} different, in ${parts.length} parts by ${COUNTERS} agents on ${manager.threads} threads`);
