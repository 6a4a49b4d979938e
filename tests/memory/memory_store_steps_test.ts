/** The store at every atomic step: dying there, being read there, being changed there, all in one thread. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { isKernelError } from "../../core/base/errors.ts";
import { STORE } from "../../core/memory/store_layout.ts";
import type { MemoryStore } from "../../core/memory/memory_store.ts";
import { atStep, runUntilStep, withoutWaiting } from "../support/atomic_steps.ts";
import { assertExact, storeArena } from "../support/store_arena.ts";

Deno.test("a living holder that does not move is named; a stopped thread cannot write", () => {
  const arena = storeArena(1 << 20);
  const store = arena.open(0);
  store.set("n", "k", 1);
  const lock = (arena.layout.store.offset + STORE.lock) >>> 2;
  arena.memory.words[lock] = 3;
  arena.setState(2, 2);
  const error = withoutWaiting(() => assertThrows(() => store.set("n", "k", 2)));
  assert(isKernelError(error) && error.code === "STORE_BUSY" && error.data.holder === 2, String(error));
  assertEquals([store.get("n", "k"), arena.open(1).get("n", "k")], [1, 1], "readers go on");
  arena.setState(2, 4);
  assertEquals(withoutWaiting(() => store.set("n", "k", 2)), true);
  arena.setState(0, 3);
  const closed = assertThrows(() => store.set("n", "k", 3));
  assert(isKernelError(closed) && closed.code === "STORE_CLOSED", String(closed));
  assertEquals(arena.open(1).set("n", "k", 4), true);
});

Deno.test("a thread that dies at any atomic step leaves old or new values, all else untouched, and everything accounted for", () => {
  const changes: Record<string, (store: MemoryStore) => void> = {
    "first touch": (store) => void store.set("fresh", "k", 1),
    insert: (store) => void store.set("n", "new", { x: 1 }),
    "insert into a new namespace": (store) => void store.set("m", "new", { x: 1 }),
    update: (store) => void store.set("n", "b", { x: "two" }),
    delete: (store) => void store.delete("n", "b"),
    batch: (store) => void store.setBatch("n", [{ key: "b", value: 7 }, { key: "new", value: 8 }]),
    clear: (store) => store.clear(),
    "compare and set": (store) => void store.compareAndSet("n", "b", store.getEntry("n", "b")!.version, { x: "two" }),
  };
  for (const [name, change] of Object.entries(changes)) {
    let step = 0;
    for (; dieAtStep(name, change, step); step++);
    assert(step > 3, `${name} has ${step} steps`);
  }
});

Deno.test("a thread that dies at any atomic step of an eviction leaves whole values or none, and everything accounted for", () => {
  let step = 0;
  // Each takes 3 ms, and an eviction repeats the same few.
  for (let more = true; more; step += step < 60 ? 1 : 11) {
    const arena = storeArena(64 << 10);
    const [survivor, victim] = [arena.open(0), arena.open(1)];
    for (let i = 0; survivor.stats().evictions === 0; i++) survivor.set("n", `key ${i}`, { i });
    const keys = survivor.scan("n", { limit: 10_000 }).entries;
    more = runUntilStep(step, () => void victim.set("n", "large", "x".repeat(3_000)));
    arena.setState(1, 4);
    assertEquals(withoutWaiting(() => survivor.set("n", "after", step)), true);
    for (const { key, value } of keys) assert(!survivor.has("n", key) || Deno.inspect(survivor.get("n", key)) === Deno.inspect(value), key);
    const { bytesLost } = survivor.audit();
    assert(bytesLost === 0 || bytesLost >= 3_000 && bytesLost < 3_200, `step ${step}: ${bytesLost} bytes lost`);
    assertExact(survivor, bytesLost);
    assertEquals(survivor.verify().damaged, 0);
    survivor.clear();
    assertExact(survivor);
  }
  assert(step > 100, `${step} steps`);
});

Deno.test("a watch learns what a thread changed that died at any atomic step", async () => {
  const changes: Record<string, (store: MemoryStore) => void> = {
    insert: (store) => void store.set("n", "new", { x: 1 }),
    update: (store) => void store.set("n", "b", { x: "two" }),
    delete: (store) => void store.delete("n", "b"),
    clear: (store) => store.clear(),
  };
  for (const [name, change] of Object.entries(changes)) {
    for (let step = 0, more = true; more; step++) {
      const arena = storeArena(64 << 10);
      const [survivor, victim] = [arena.open(0), arena.open(1)];
      for (const key of ["a", "b", "c"]) survivor.set("n", key, key);
      const watch = survivor.watch("n");
      const mirror = contents(survivor);
      more = runUntilStep(step, () => change(victim));
      arena.setState(1, 4);
      withoutWaiting(() => survivor.set("n", "after", 1));
      while (!mirror.has("after")) {
        const { value: change } = await watch.next();
        assert(change !== undefined);
        if (change.kind === "set") mirror.set(change.key, change.value);
        else if (change.kind === "delete" || change.kind === "evict") mirror.delete(change.key);
        else for (const key of [...mirror.keys()]) if (!survivor.has("n", key)) mirror.delete(key);
      }
      // After a gap the keys that were set follow, in any order.
      survivor.close();
      const late = contents(survivor);
      for (const [key, value] of late) if (!mirror.has(key)) assert(key === "new", `${name}, step ${step}: ${key} ${value} was not told`);
      for (const key of mirror.keys()) assert(late.has(key), `${name}, step ${step}: the end of ${key} was not told`);
    }
  }
});

function contents(store: MemoryStore): Map<string, unknown> {
  return new Map(store.scan("n").entries.map(({ key, value }) => [key, value]));
}

/** Runs one change in a "thread" that dies at its atomic step number `step`; false when the change has fewer steps. */
function dieAtStep(name: string, change: (store: MemoryStore) => void, step: number): boolean {
  const arena = storeArena(64 << 10);
  const [survivor, victim] = [arena.open(0), arena.open(1)];
  const before = new Map<string, unknown>(name === "first touch" ? [] : [["a", 1], ["b", { x: "one" }], ["c", [3]]]);
  for (const [key, value] of before) survivor.set("n", key, value);
  for (const key of before.keys()) survivor.get("n", key);
  const died = runUntilStep(step, () => change(victim));
  arena.setState(1, 4);
  const label = `${name}, step ${step}`;
  for (const reader of [survivor, arena.open(2)]) {
    for (const [key, old] of before) {
      const value = withoutWaiting(() => reader.get("n", key));
      const allowed: unknown[] = name === "clear"
        ? [old, undefined]
        : key !== "b"
        ? [old]
        : [old, { x: "two" }, 7, ...(name === "delete" ? [undefined] : [])];
      assert(allowed.some((one) => Deno.inspect(one) === Deno.inspect(value)), `${label}: ${key} is ${Deno.inspect(value)}`);
    }
  }
  assertEquals(withoutWaiting(() => survivor.set("n", "after", label)), true);
  const seen = ["a", "b", "c", "new", "after"].map((key) => [survivor.get("n", key), arena.open(2).get("n", key)]);
  for (const [one, two] of seen) assertEquals(one, two, label);
  const { bytesLost } = survivor.audit();
  assert(bytesLost === 0 || bytesLost === 64, `${label}: ${bytesLost} bytes lost`);
  assertExact(survivor, bytesLost);
  survivor.clear();
  assertExact(survivor);
  assertEquals(survivor.stats().bytesUsed, 0);
  return died;
}

Deno.test("a whole read at any atomic step of a change, and a whole change at any step of a read: old or new, and new from then on", () => {
  const changes: Record<string, [change: (store: MemoryStore) => void, becomes: unknown]> = {
    insert: [(store) => void store.set("n", "new", "inserted"), "inserted"],
    update: [(store) => void store.set("n", "old", "updated"), "updated"],
    delete: [(store) => void store.delete("n", "old"), undefined],
  };
  for (const [name, [change, becomes]] of Object.entries(changes)) {
    const key = name === "insert" ? "new" : "old";
    for (const readerOutside of [false, true]) {
      for (let step = 0, more = true; more; step++) {
        const arena = storeArena(64 << 10);
        const [writer, reader] = [arena.open(0), arena.open(1)];
        writer.set("n", "old", "first");
        const before = reader.get("n", key);
        writer.set("n", "old", "before");
        const seen: unknown[] = [];
        const read = () => void seen.push(reader.get("n", key));
        more = readerOutside ? atStep(step, () => change(writer), read) : atStep(step, read, () => change(writer));
        if (!more) break;
        const label = `${name}, step ${step}: ${Deno.inspect(seen)}`;
        assert(seen.every((value) => value === becomes || value === (before === undefined ? undefined : "before")), label);
        assertEquals([reader.get("n", key), arena.open(2).get("n", key)], [becomes, becomes], label);
        assertExact(writer);
      }
    }
  }
});
