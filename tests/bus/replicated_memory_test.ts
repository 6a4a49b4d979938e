import { assert, assertEquals, assertThrows } from "@std/assert";
import { InvalidArgumentError, NotInitializedError } from "../../core/base/errors.ts";
import { defineAgent } from "../../core/agents/agent.ts";
import { Kernel } from "../../core/kernel.ts";
import { ReplicatedMemory } from "../../core/bus/replicated_memory.ts";
import { storeArena } from "../support/store_arena.ts";

Deno.test("spaces of two threads are one memory", () => {
  const arena = storeArena(1 << 20);
  const [one, two] = [0, 1].map((host) => new ReplicatedMemory(arena.open(host)).space("plans"));
  assertEquals(one.name, "plans");
  assertEquals(one.set("today", { steps: 3 }), true);
  assertEquals(two.get("today"), { steps: 3 });
  const { version, value } = two.getEntry("today")!;
  assertEquals(value, { steps: 3 });
  assertEquals(two.compareAndSet("today", version, { steps: 4 }), true);
  assertEquals(one.compareAndSet("today", version, { steps: 5 }), false);
  assertEquals(one.delete("today"), true);
  assertEquals([two.get("today"), two.getEntry("today"), two.delete("today")], [undefined, undefined, false]);
  assertEquals(new ReplicatedMemory(arena.open(2)).space("other").get("today"), undefined);
  assertThrows(() => new ReplicatedMemory(arena.open(2)).space(""), InvalidArgumentError, "namespace");
});

Deno.test("a scan goes through all pages", () => {
  const store = storeArena(1 << 20).open(0);
  const space = new ReplicatedMemory(store).space("n");
  for (let i = 0; i < 1_000; i++) space.set(`key ${i}`, i);
  assertEquals([...space.scan()].map(({ value }) => value as number).sort((a, b) => a - b), Array.from({ length: 1_000 }, (_, i) => i));
  assertEquals([...space.scan({ prefix: "key 99" })].length, 11);
  const iterator = space.scan();
  assert(!iterator.next().done);
  space.delete("key 500");
  assert([...iterator].every(({ key }) => key !== "key 500") || space.get("key 500") === undefined);
});

Deno.test("a watch on a space ends with its signal", async () => {
  const arena = storeArena(1 << 20);
  const [one, two] = [0, 1].map((host) => new ReplicatedMemory(arena.open(host)).space("n"));
  const controller = new AbortController();
  const seen: unknown[] = [];
  const watch = one.watch({ prefix: "job " }, { signal: controller.signal });
  two.set("job 1", "queued");
  two.set("other", 1);
  two.delete("job 1");
  two.set("job 2", "queued");
  for await (const change of watch) {
    seen.push(change.kind === "set" ? [change.key, change.value] : change.kind);
    if (seen.length === 2) controller.abort();
  }
  assertEquals(seen, ["delete", ["job 2", "queued"]]);
});

Deno.test("agents and callers share a space; a watch ends with the manager", async () => {
  const counter = defineAgent({
    onMessage(_message, ctx) {
      const { store } = ctx;
      const entry = store.getEntry("counts", "messages");
      const done = store.compareAndSet("counts", "messages", entry?.version ?? 0, (entry?.value as number ?? 0) + 1);
      const cell = store.cell("counts", "messages");
      ctx.reply([done, cell.get(), store.getBatch("counts", ["messages", "none"]), store.scan("counts").entries.length]);
    },
  });
  const manager = new Kernel({ threads: 0, behaviors: { counter } });
  await manager.initialize();
  const space = manager.distributedMemory.space("counts");
  const watch = space.watch();
  const agent = await manager.spawnAgent("counter");
  assertEquals(await manager.ask(agent, null), [true, 1, [1, undefined], 1]);
  assertEquals(await manager.ask(agent, null), [true, 2, [2, undefined], 1]);
  const { value: change } = await watch.next();
  assert(change?.kind === "set");
  assertEquals([change.value, change.skipped, space.get("messages")], [2, 1, 2]);
  const last = watch.next();
  await manager.shutdown();
  assertEquals(await last, { done: true, value: undefined });
  assertThrows(() => manager.distributedMemory, NotInitializedError);
});
