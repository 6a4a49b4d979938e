/**
 * Three agents talk in two rooms, all at the same time and on several threads. Everybody in a room hears the same, in the same order, and each
 * speaker's lines as they were said.
 *
 * ```sh
 * deno run --allow-read=. scripts/examples/chat.ts
 * ```
 *
 * @module
 */
import { UltraFastAgentManager } from "@stage3/kernel";

const NAMES = ["Ada", "Grace", "Edsger"];
const ROOMS = ["kitchen", "library"];
const LINES = ["hello", "are all of you there?", "good bye"];

await using manager = new UltraFastAgentManager({
  threads: 2,
  behaviors: { room: new URL("./chat_room.ts", import.meta.url), member: new URL("./chat_member.ts", import.meta.url) },
});
await manager.initialize();
const rooms = await manager.spawnAgentBatch("room", ROOMS.length);
const members = await Promise.all(NAMES.map((name) => manager.spawnAgent("member", { state: { name, heard: new Map() } })));
for (const room of rooms) await manager.ask(room, { members });

await Promise.all(members.map((member) => manager.ask(member, { talkIn: rooms, lines: LINES })));

let kept = true;
for (const [index, room] of rooms.entries()) {
  const transcripts = await manager.ask<string[][]>(room, { transcripts: true });
  console.log(`In the ${ROOMS[index]}:\n  ${transcripts[0].join("\n  ")}`);
  kept &&= transcripts.every((transcript) => isInOrder(transcript) && transcript.join() === transcripts[0].join());
}
console.log(kept ? "order kept: everybody heard the same, and each speaker's lines as they were said" : "ORDER BROKEN");
if (!kept) Deno.exitCode = 1;

/** Whether nothing is missing and each speaker's lines stand in the order in which they were said. */
function isInOrder(transcript: readonly string[]): boolean {
  const said = (name: string) => transcript.map((text) => text.split(`${name}: `)[1]).filter((line) => line !== undefined);
  return transcript.length === NAMES.length * LINES.length && NAMES.every((name) => said(name).join() === LINES.join());
}
