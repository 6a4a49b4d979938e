import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { AgentDirectory } from "../../core/agents/agent_directory.ts";
import { AgentRegistry } from "../../core/agents/agent_registry.ts";
import { AGENT_STATE } from "../../core/agents/lifecycle.ts";
import type { AgentId } from "../../core/bus/message.ts";
import { planLayout } from "../../core/memory/layout.ts";
import { allocateMemory } from "../../core/memory/shared_memory.ts";

const { spawning, ready, stopping } = AGENT_STATE;
const SLOTS = 64;

function open(): { directory: AgentDirectory; registry: AgentRegistry } {
  const layout = planLayout({ hosts: 2, agentSlots: SLOTS, sharedBufferBytes: 16 * 2 ** 20, storeBytes: 0 });
  const directory = new AgentDirectory(allocateMemory(layout.totalBytes), layout, SLOTS);
  return { directory, registry: new AgentRegistry(directory) };
}

Deno.test("agents that fit take turns; those that are not ready are passed over, and come back", () => {
  const { directory, registry } = open();
  const [a, b, c] = [directory.claim(1, 0), directory.claim(1, 0), directory.claim(1, 0)];
  registry.add([a, b], { type: "t", config: { capabilities: ["lift", "lift"] }, parent: 0 });
  registry.add([c], { type: "u", config: { capabilities: ["lift"] }, parent: 0 });
  assertEquals(registry.choose("t", undefined), 0);
  for (const id of [a, c]) directory.become(id, spawning, ready);
  assertEquals([registry.choose("t", undefined), registry.choose("t", "lift"), registry.choose("u", "sort")], [a, a, 0]);
  directory.become(b, spawning, ready);
  const turns = Array.from({ length: 6 }, () => registry.choose(undefined, "lift"));
  assertEquals([...turns].sort(), [a, a, b, b, c, c].sort());
  assertEquals([registry.fits(a, "t", "lift"), registry.fits(a, "u", undefined), registry.fits(99, undefined, undefined)], [
    true,
    false,
    false,
  ]);
});

Deno.test("whoever comes and goes, one is chosen exactly when there is one, and no more is kept than lives", () => {
  const step = fc.record({ spawn: fc.boolean(), type: fc.constantFrom("t", "u"), able: fc.boolean(), which: fc.nat() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const { directory, registry } = open();
      const living = new Map<AgentId, { type: string; able: boolean }>();
      for (const { spawn, type, able, which } of steps) {
        if (spawn && living.size < SLOTS / 2) {
          const id = directory.claim(1, 0);
          registry.add([id], { type, config: able ? { capabilities: ["x"] } : {}, parent: 0 });
          directory.become(id, spawning, ready);
          living.set(id, { type, able });
        } else if (living.size > 0) {
          const id = [...living.keys()][which % living.size];
          living.delete(id);
          directory.become(id, ready, stopping);
          directory.free(id, stopping);
        }
        for (const wanted of ["t", "u", undefined]) {
          for (const capability of ["x", undefined]) {
            if (wanted === undefined && capability === undefined) continue;
            const chosen = registry.choose(wanted, capability);
            const fitting = [...living].filter(([, one]) => (wanted ?? one.type) === one.type && (capability === undefined || one.able));
            assertEquals(fitting.some(([id]) => id === chosen), fitting.length > 0, `${wanted} ${capability} ${chosen}`);
          }
        }
      }
    }),
    { numRuns: 50 },
  );
});
