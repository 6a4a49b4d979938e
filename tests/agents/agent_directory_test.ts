import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { AgentDirectory, generationOf, hostOfWord, isAgentId, isClosedWord, slotOf } from "../../core/agents/agent_directory.ts";
import { AGENT_STATE } from "../../core/agents/lifecycle.ts";
import { store } from "../../core/memory/atomics.ts";
import { AGENT_SLOT, agentSlotAt, type Layout, planLayout } from "../../core/memory/layout.ts";
import { allocateMemory, type SharedMemory } from "../../core/memory/shared_memory.ts";

const { spawning, ready, stopping, warm, free, retired } = AGENT_STATE;

function open(agentsMax = 4, agentSlots = 8): { directory: AgentDirectory; memory: SharedMemory; layout: Layout } {
  const layout = planLayout({ hosts: 3, agentSlots, sharedBufferBytes: 16 * 2 ** 20, storeBytes: 2 ** 20 });
  const memory = allocateMemory(layout.totalBytes);
  return { directory: new AgentDirectory(memory, layout, agentsMax), memory, layout };
}

Deno.test("an id is never 0, tells its slot and generation, and is refused once stale", () => {
  const { directory } = open();
  const id = directory.claim(2, 0);
  assert(isAgentId(id) && generationOf(id) === 1);
  assertEquals(directory.lookup(id), 0, "spawning agents take no messages");
  assert(directory.become(id, spawning, ready));
  const word = directory.lookup(id);
  assertEquals([hostOfWord(word), isClosedWord(word)], [2, false]);
  directory.setFull(id, true);
  assert(isClosedWord(directory.lookup(id)));
  assert(directory.become(id, ready, stopping));
  assertFalse(directory.become(id, ready, stopping), "only one terminates");
  directory.free(id, stopping);
  assertEquals([directory.lookup(id), directory.hostOf(id), directory.live, directory.placedOn(2)], [0, -1, 0, 0]);
});

Deno.test("slots are reused as late as possible, under a new generation", () => {
  const { directory, layout } = open();
  const slots: number[] = [];
  for (let round = 0; round < 2 * layout.agentSlots; round++) {
    const id = directory.claim(1, 0);
    slots.push(slotOf(id));
    assertEquals(generationOf(id), 1 + Math.floor(round / layout.agentSlots));
    directory.free(id, spawning);
  }
  assertEquals(new Set(slots.slice(0, layout.agentSlots)).size, layout.agentSlots);
});

Deno.test("a slot at its last generation retires", () => {
  const { directory, memory, layout } = open(4, 2);
  const last = 2 ** 22 - 1;
  store(memory.words, agentSlotAt(layout, 0, AGENT_SLOT.tag) >> 2, (last - 1) << 10);
  const ids = [directory.claim(1, 0), directory.claim(1, 0)];
  const veteran = ids.find((id) => slotOf(id) === 0)!;
  assertEquals(generationOf(veteran), last);
  assert(Number.isSafeInteger(veteran));
  assert(directory.become(veteran, spawning, ready));
  assert(directory.become(veteran, ready, stopping));
  directory.free(veteran, stopping);
  assertEquals(directory.stateOf(veteran), retired);
  directory.free(ids.find((id) => slotOf(id) === 1)!, spawning);
  for (let round = 0; round < 3; round++) {
    const id = directory.claim(1, 0);
    assertEquals(slotOf(id), 1);
    directory.free(id, spawning);
  }
});

Deno.test("the limit counts living agents; warm ones come on top until they are adopted", () => {
  const { directory } = open(2);
  const [a] = [directory.claim(1, 0), directory.claim(1, 0)];
  assertThrows(() => directory.claim(1, 0), Error, "maxConcurrentAgents");
  const pooled = directory.claim(1, 0, true);
  assert(directory.become(pooled, spawning, warm));
  assertThrows(() => directory.become(pooled, warm, ready), Error, "maxConcurrentAgents");
  directory.free(a, spawning);
  assert(directory.become(pooled, warm, ready));
  assertEquals(directory.live, 2);
});

Deno.test("forbidden transitions are asserted", () => {
  const { directory } = open();
  const id = directory.claim(1, 0);
  assertThrows(() => directory.become(id, ready, free), Error, "never becomes");
});

Deno.test("a dead host's ready agents are moving, what nobody misses is freed, the others' are left alone", () => {
  const { directory } = open(8);
  const [ready1, spawning1, orphan] = [directory.claim(1, 0), directory.claim(1, 0), directory.claim(1, 1)];
  const warm1 = directory.claim(1, 0, true);
  const alive = directory.claim(2, 0);
  for (const id of [ready1, alive]) directory.become(id, spawning, ready);
  directory.become(warm1, spawning, warm);
  directory.setFull(ready1, true);
  assertEquals(directory.strand(1, (host) => host === 1), { moving: [ready1], still: [], spawning: [spawning1] });
  assertEquals([orphan, warm1].map((id) => directory.hostOf(id)), [-1, -1]);
  assert(isClosedWord(directory.lookup(ready1)));
  assertFalse(isClosedWord(directory.lookup(alive)));
  assertEquals([directory.live, directory.placedOn(1), directory.placedOn(2)], [3, 2, 1]);

  assert(directory.rehost(ready1, 2));
  assertEquals([directory.hostOf(ready1), directory.placedOn(1), directory.placedOn(2)], [2, 1, 2]);
  // Its new home dies before it has arrived.
  assertEquals(directory.strand(2, (host) => host > 0).still, [ready1]);
  assert(directory.become(ready1, AGENT_STATE.moving, ready));
  assertFalse(isClosedWord(directory.lookup(ready1)));
  assertFalse(directory.rehost(alive, 1) && directory.hostOf(alive) === 2);
});

Deno.test("what is no id is no id", () => {
  const { directory } = open();
  for (const value of [0, -1, 1.5, NaN, 2 ** 53, "1", null, 7]) assertFalse(isAgentId(value));
  for (const value of [2 ** 52 + 2 ** 21, 2 ** 21 + 4_000]) assertEquals(directory.lookup(value), 0);
});
