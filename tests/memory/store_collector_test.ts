import { assert, assertEquals, assertRejects } from "@std/assert";
import { KernelError } from "../../core/base/errors.ts";
import { COLLECTOR_SILENCE_MS_MAX } from "../../core/base/limits.ts";
import type { OpenCollector } from "../../core/memory/collected_part.ts";
import { crc32c } from "../../core/memory/crc32c.ts";
import { HEADER } from "../../core/memory/layout.ts";
import type { LogPart } from "../../core/memory/log_part.ts";
import { type FromCollector, StoreCollector } from "../../core/memory/store_collector.ts";
import { STORE, storeParts } from "../../core/memory/store_layout.ts";
import { COLLECTOR } from "../../core/memory/store_lock.ts";
import { StorePart } from "../../core/memory/store_part.ts";
import { FakeClock } from "../../core/testing.ts";
import { FaultDisk } from "../support/fault_disk.ts";
import { keepStore } from "../support/kept_store.ts";
import { nearCollector } from "../support/near_collector.ts";
import { type StoreArena, storeArena } from "../support/store_arena.ts";

const MIB = 1 << 20;

/** A store of some MiB. */
function filled(bytes: number): StoreArena {
  const arena = storeArena(16 * MIB);
  const store = arena.open(0);
  for (let n = 0; n < bytes / 10_000; n++) assert(store.set("filled", `k${n}`, "v".repeat(9_000)));
  return arena;
}

/** A collector whose messages pile up here. */
function silent({ memory, layout }: StoreArena): { collector: StoreCollector; said: FromCollector[]; settle: () => Promise<void> } {
  const said: FromCollector[] = [];
  const collector = new StoreCollector(new StorePart(memory, layout, COLLECTOR), crc32c, (message) => void said.push(message));
  return { collector, said, settle: settled };
}

/** What can be done at once is done. */
const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

const FRESH = { all: false, salt: [1, 2], progress: { records: 0, blocks: 0, sums: 0 } } as const;

Deno.test("what is collected far away is there after a start, as are changes, deletions and what came later", async () => {
  const disk = new FaultDisk(1);
  const first = await keepStore(disk, { bytes: 16 * MIB, far: (arena) => nearCollector(arena) });
  for (let n = 0; n < 800; n++) first.store.set(n % 2 === 0 ? "even" : "odd", `k${n}`, "v".repeat(n * 10));
  await first.persistence.flush();
  for (let n = 0; n < 800; n += 3) first.store.delete(n % 2 === 0 ? "even" : "odd", `k${n}`);
  first.store.set("third", "late", { at: 3 });
  await first.persistence.flush();
  disk.losePower();
  const second = await keepStore(disk, { bytes: 16 * MIB, far: (arena) => nearCollector(arena) });
  for (let n = 0; n < 800; n++) {
    assertEquals(second.store.get(n % 2 === 0 ? "even" : "odd", `k${n}`), n % 3 === 0 ? undefined : "v".repeat(n * 10));
  }
  assertEquals(second.store.get("third", "late"), { at: 3 });
  assertEquals([second.persistence.recovery.lost.places, second.store.verify().damaged], [0, 0]);
});

Deno.test("no more than two messages of blocks are on their way", async () => {
  const { collector, said, settle } = silent(filled(6 * MIB));
  collector.take({ do: "collect", sequence: 1, ...FRESH });
  await settle();
  assertEquals(said.length, 2);
  collector.take({ do: "more" });
  await settle();
  assertEquals(said.length, 3);
  while (!said.some((message) => "done" in message)) {
    collector.take({ do: "more" });
    await settle();
  }
  const bytes = said.reduce((sum, message) => sum + ("blocks" in message ? message.blocks.length : 0), 0);
  assert(bytes > 5 * MIB, `${bytes} bytes`);
});

Deno.test("a batch that is given up in the middle is collected again as a whole", async () => {
  const arena = filled(6 * MIB);
  const { collector, said, settle } = silent(arena);
  collector.take({ do: "collect", sequence: 1, ...FRESH });
  await settle();
  collector.take({ do: "undo", sequence: 1 });
  await settle();
  assert(!said.some((message) => "done" in message || "failed" in message));
  const before = said.length;
  collector.take({ do: "collect", sequence: 2, ...FRESH });
  for (let turn = 0; turn < 20; turn++) {
    await settle();
    collector.take({ do: "more" });
  }
  const last = said.at(-1)!;
  assert("done" in last && last.sequence === 2 && last.done.records >= arena.open(1).stats().entries, JSON.stringify(last));
  assert(said.slice(before).every(({ sequence }) => sequence === 2));
});

for (const diesAt of [1, 2, 3, 4]) {
  Deno.test(`a collector that dies of its order ${diesAt} fails one flush; the next writes everything`, async () => {
    const disk = new FaultDisk(diesAt);
    const kept = await keepStore(disk, { bytes: 16 * MIB, far: (arena) => nearCollector(arena, () => {}, diesAt) });
    let failed = 0;
    for (let n = 0; n < 6; n++) {
      for (let key = 0; key < 200; key++) kept.store.set("a", `k${key}`, `${n}:${"x".repeat(20 * key)}`);
      await kept.persistence.flush().catch((error) => {
        assert(error instanceof KernelError && error.code === "PERSISTENCE_WRITE", String(error));
        failed++;
      });
    }
    assertEquals(failed, 1);
    assertEquals(kept.events, ["persistence:failed", "persistence:mended"]);
    disk.losePower();
    const again = await keepStore(disk, { bytes: 16 * MIB });
    for (let key = 0; key < 200; key++) assertEquals(again.store.get("a", `k${key}`), `5:${"x".repeat(20 * key)}`);
  });
}

Deno.test("a collector that cannot be started fails one flush; the next writes everything", async () => {
  const disk = new FaultDisk(1);
  const kept = await keepStore(disk, {
    far: () => () => {
      throw new Error("no thread is left");
    },
  });
  kept.store.set("a", "k", 1);
  const error = await assertRejects(() => kept.persistence.flush(), KernelError);
  assertEquals(error.code, "PERSISTENCE_WRITE");
  await kept.persistence.flush();
  disk.losePower();
  assertEquals((await keepStore(disk)).store.get("a", "k"), 1);
});

Deno.test("a collector that says nothing is given up: one flush fails, the next writes everything", async () => {
  const disk = new FaultDisk(1);
  const patience = new FakeClock();
  let given = "";
  const hanging: OpenCollector = ({ onDeath }) => ({
    post: () => {},
    abandon: (why) => onDeath(given = why),
    end: () => Promise.resolve(),
  });
  const kept = await keepStore(disk, { far: () => hanging, patience });
  kept.store.set("a", "k", 1);
  const flushing = assertRejects(() => kept.persistence.flush(), KernelError, "has said nothing for 30 s");
  await settled();
  patience.advance(COLLECTOR_SILENCE_MS_MAX - 1);
  assertEquals(given, "");
  patience.advance(1);
  assertEquals((await flushing).code, "PERSISTENCE_WRITE");
  await kept.persistence.flush();
  disk.losePower();
  assertEquals((await keepStore(disk)).store.get("a", "k"), 1);
});

for (const entries of [200, 600]) {
  Deno.test(`a collector that waits for a slow disk, or has said all, is not given up (${entries} entries)`, async () => {
    const disk = new FaultDisk(1);
    const patience = new FakeClock();
    const kept = await keepStore(disk, { bytes: 16 * MIB, far: (arena) => nearCollector(arena), patience });
    await kept.persistence.flush();
    for (let n = 0; n < entries; n++) kept.store.set("a", `k${n}`, "v".repeat(9_000));
    const writes: (() => void)[] = [];
    disk.mayWrite = () => new Promise((resolve) => void writes.push(resolve));
    let isOver = false;
    const flushing = kept.persistence.flush().finally(() => isOver = true);
    let slow = 0;
    while (!isOver) {
      for (let turn = 0; turn < 20; turn++) await settled();
      if (writes.length > 0) patience.advance(10 * COLLECTOR_SILENCE_MS_MAX);
      slow += writes.length;
      writes.splice(0).forEach((go) => go());
    }
    await flushing;
    assert(slow >= 2, `${slow} slow writes`);
    disk.mayWrite = null;
    kept.store.set("a", "later", 1);
    await kept.persistence.flush();
    assertEquals(kept.events, []);
  });
}

Deno.test("what cannot be collected is said", async () => {
  const broken = {
    collect: () => {
      throw new Error("the lock could not be had");
    },
  };
  const said: FromCollector[] = [];
  new StoreCollector(broken as unknown as LogPart, crc32c, (message) => void said.push(message)).take({
    do: "collect",
    sequence: 3,
    ...FRESH,
  });
  await Promise.resolve();
  assertEquals(said, [{ sequence: 3, failed: "the lock could not be had" }]);
});

Deno.test("the lock of a collector that died is taken over", () => {
  const arena = storeArena(MIB);
  const store = arena.open(1);
  store.set("a", "k", 1);
  arena.memory.words[(storeParts(arena.layout).control + STORE.lock) >> 2] = COLLECTOR + 1;
  arena.memory.words[HEADER.collector >> 2] = 4;
  assert(store.set("a", "k", 2));
  assertEquals(store.get("a", "k"), 2);
});
