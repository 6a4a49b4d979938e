import { assert, assertEquals, assertFalse } from "@std/assert";
import fc from "fast-check";
import { WaitGraph } from "../../core/agents/wait_graph.ts";
import { AWAITS_MAX, planLayout } from "../../core/memory/layout.ts";
import { allocateMemory } from "../../core/memory/shared_memory.ts";

const layout = planLayout({ hosts: 1, agentSlots: 64, sharedBufferBytes: 16 * 2 ** 20, storeBytes: 0 });
const id = (slot: number): number => 2 ** 21 + slot;

function open(): WaitGraph {
  return new WaitGraph(allocateMemory(layout.totalBytes), layout);
}

Deno.test("a circle is found on the ask that closes it, whatever its length, and is gone when an ask ends", () => {
  const graph = open();
  const edges = [1, 2, 3, 4].map((slot) => graph.begin(id(slot), id(slot + 1)));
  assert(graph.closes(id(5), id(1)));
  assert(graph.closes(id(3), id(3)), "itself");
  assertFalse(graph.closes(id(9), id(1)));
  graph.end(id(3), edges[2]);
  assertFalse(graph.closes(id(5), id(1)));
});

Deno.test("an agent that waits for many is followed on every edge; what is too many is not noted; a new one waits for nobody", () => {
  const graph = open();
  const edges = Array.from({ length: AWAITS_MAX + 1 }, (_, slot) => graph.begin(id(0), id(slot + 1)));
  assertEquals(edges.at(-1), -1);
  assert(graph.closes(id(AWAITS_MAX), id(0)));
  assertFalse(graph.closes(id(AWAITS_MAX + 1), id(0)));
  graph.end(id(0), -1);
  graph.clear(id(0));
  assertFalse(graph.closes(id(1), id(0)));
});

Deno.test("any graph: closes says what a search of the edges says", () => {
  const edge = fc.tuple(fc.nat(15), fc.nat(15));
  fc.assert(fc.property(fc.array(edge, { maxLength: 30 }), fc.nat(15), fc.nat(15), (edges, asker, asked) => {
    const graph = open();
    const noted = edges.filter(([from, to]) => graph.begin(id(from), id(to)) >= 0);
    const reached = new Set([asked]);
    for (let grown = -1; grown !== reached.size;) {
      grown = reached.size;
      for (const [from, to] of noted) if (reached.has(from)) reached.add(to);
    }
    assertEquals(graph.closes(id(asker), id(asked)), reached.has(asker));
  }));
});
