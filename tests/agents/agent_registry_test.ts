import { assert, assertEquals, assertFalse } from "@std/assert";
import { AgentDirectory } from "../../core/agents/agent_directory.ts";
import { AgentRegistry } from "../../core/agents/agent_registry.ts";
import { AGENT_STATE } from "../../core/agents/lifecycle.ts";
import { SNAPSHOT_BYTES_MAX } from "../../core/base/limits.ts";
import { planLayout } from "../../core/memory/layout.ts";
import { allocateMemory } from "../../core/memory/shared_memory.ts";

const { spawning, ready } = AGENT_STATE;
const record = { type: "a", config: {}, parent: 0 };

function open(): { directory: AgentDirectory; registry: AgentRegistry } {
  const layout = planLayout({ hosts: 2, agentSlots: 8, sharedBufferBytes: 16 * 2 ** 20, storeBytes: 0 });
  const directory = new AgentDirectory(allocateMemory(layout.totalBytes), layout, 8);
  return { directory, registry: new AgentRegistry(directory) };
}

Deno.test("a record belongs to one agent: a stale id has none, the slot's next agent its own", () => {
  const { directory, registry } = open();
  const first = directory.claim(1, 0);
  registry.add([first], record);
  directory.free(first, spawning);
  let second = 0;
  while ((second = directory.claim(1, 0)) % 2 ** 21 !== first % 2 ** 21) directory.free(second, spawning);
  assertEquals(registry.get(second), undefined);
  registry.add([second], { ...record, type: "b" });
  assertEquals([registry.get(first), registry.get(second)?.type], [undefined, "b"]);
  assertEquals(registry.living(), []);
  directory.become(second, spawning, ready);
  assertEquals([registry.living(), registry.living("b"), registry.living("a")], [[second], [second], []]);
});

Deno.test("snapshots are bounded: those of agents that have ended give way, else the newest is not taken and the last stays", () => {
  const { directory, registry } = open();
  const [a, b] = [directory.claim(1, 0), directory.claim(1, 0)];
  registry.add([a, b], record);
  // Pages that nobody touches cost nothing.
  const bytes = new Uint8Array(SNAPSHOT_BYTES_MAX / 2 + 1);
  assert(registry.keep({ agentId: a, bytes, version: 1 }));
  assertFalse(registry.keep({ agentId: b, bytes, version: 1 }));
  assertEquals([registry.snapshotOf(a)?.bytes.length, registry.snapshotOf(b)], [bytes.length, undefined]);
  assert(registry.keep({ agentId: a, bytes: bytes.subarray(1), version: 2 }), "its own one gives way");
  directory.free(a, spawning);
  assert(registry.keep({ agentId: b, bytes, version: 1 }));
  assertEquals(registry.snapshotOf(b)?.version, 1);
  assert(registry.keep({ agentId: 12345, bytes, version: 1 }), "of an agent that is gone: nothing to say");
});
