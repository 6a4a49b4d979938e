/** The store's share of the log while other threads write, and where a flush meets a key twice. */
import { assert, assertEquals } from "@std/assert";
import { setImmediate } from "node:timers";
import type { MemoryStore } from "../../core/memory/memory_store.ts";
import { LogBatch } from "../../core/memory/log_batch.ts";
import { crc32c } from "../../core/memory/crc32c.ts";
import { LOG_HEADER_BYTES } from "../../core/memory/log_layout.ts";
import { runUntilStep, withoutWaiting } from "../support/atomic_steps.ts";
import { FaultDisk } from "../support/fault_disk.ts";
import { keepStore } from "../support/kept_store.ts";
import { testWith } from "../support/permissions.ts";
import { finish, seeded, start } from "../support/store_threads.ts";

const SEED = 20_260_102;
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** Everything, with versions. */
function contentOf(store: MemoryStore): Record<string, unknown> {
  const content: Record<string, unknown> = {};
  for (const { namespace } of store.stats().namespaces) {
    for (let after: number | undefined = 0; after !== undefined;) {
      const page = store.scan(namespace, { after });
      for (const { key, value, version } of page.entries) content[`${namespace}/${key}`] = { value, version };
      after = page.next;
    }
  }
  return content;
}

testWith(
  { read: true },
  "while threads write, every flush has whole values; when they have ended the last one has what the store has",
  async () => {
    const disk = new FaultDisk(1);
    const kept = await keepStore(disk, { arena: seeded(1 << 20, 6), turn, stepMs: 0.01 });
    const steady = [1, 2].map((host) => start(kept.arena, host, { operations: 150_000, seed: SEED }));
    let isOver = false;
    const over = Promise.all(steady.map(finish)).finally(() => isOver = true);
    let flushes = 0;
    for (let host = 3; !isOver; host = Math.min(5, host + 1)) {
      if (host < 5) { // two of them die somewhere in the middle of a change
        const victim = start(kept.arena, host, { operations: Infinity, yields: true, diesAfter: 2_000, seed: SEED });
        await victim.report;
        await victim.end();
        kept.arena.setState(host, 4);
      }
      await kept.persistence.flush();
      // What is on the disk at any moment is whole.
      const again = await keepStore(disk.copy());
      assertEquals(again.store.verify().damaged, 0);
      await again.persistence.abandon();
      flushes++;
      await turn();
    }
    await over;
    assert(flushes > 2, `${flushes} flushes`);
    await kept.persistence.flush();
    const again = await keepStore(disk.copy());
    assertEquals(contentOf(again.store), contentOf(kept.store));
    await Promise.all([again.persistence.abandon(), kept.persistence.abandon()]);
  },
);

Deno.test("a key that is met at two places by one flush is restored as what it was last", async () => {
  const disk = new FaultDisk(1);
  let work = (): void => {};
  const { store, persistence } = await keepStore(disk, { bytes: 4 << 20, turn: () => Promise.resolve(work()), stepMs: 0.3 });
  for (let key = 0; key < 9_000; key++) store.set("a", `k${key}`, key);
  store.delete("a", "k8990");
  // In the middle of the flush: k0's entry has been passed by, the free one behind it not yet.
  work = () => {
    work = () => {};
    store.delete("a", "k0");
    store.set("a", "other", 1); // takes the entry of k0
    store.set("a", "k0", "new"); // takes that of k8990
  };
  await persistence.flush();
  await persistence.abandon();
  const again = await keepStore(disk, { bytes: 4 << 20 });
  assertEquals(again.store.get("a", "k0"), "new");
  assertEquals(again.store.stats().entries, 8_999);
  // The entry that lost is gone from the log, too: else it would come back when the other one is deleted.
  again.store.delete("a", "k0");
  await again.persistence.close();
  const last = await keepStore(disk, { bytes: 4 << 20 });
  assertEquals(last.store.has("a", "k0"), false);
  await last.persistence.close();
});

Deno.test("a key that takes a fresh entry while a flush is under way is in the next one, wherever the entries ended", async () => {
  for (let entries = 9_000; entries < 9_004; entries++) {
    const disk = new FaultDisk(1);
    let work = (): void => {};
    const { store, persistence } = await keepStore(disk, { bytes: 4 << 20, turn: () => Promise.resolve(work()), stepMs: 0.3 });
    for (let key = 0; key < entries; key++) store.set("a", `k${key}`, key);
    // Behind the last entry, whose marks have not been taken yet.
    work = () => {
      work = () => {};
      for (const key of "xyz") store.set("a", key, "later");
    };
    await persistence.flush();
    await persistence.flush();
    await persistence.abandon();
    const again = await keepStore(disk, { bytes: 4 << 20 });
    assertEquals(["x", "y", "z"].map((key) => again.store.get("a", key)), ["later", "later", "later"], `${entries} entries`);
    await again.persistence.close();
  }
});

Deno.test("whatever a thread had in hand when it died at any atomic step is in the next flush as the others see it", async () => {
  const changes: Record<string, (store: MemoryStore) => void> = {
    insert: (store) => void store.set("n", "new", { x: 1 }),
    update: (store) => void store.set("n", "b", { x: "two" }),
    delete: (store) => void store.delete("n", "b"),
    clear: (store) => store.clear(),
  };
  for (const [name, change] of Object.entries(changes)) {
    for (let step = 0, more = true; more; step++) {
      const disk = new FaultDisk(1);
      const kept = await keepStore(disk, { bytes: 64 << 10 });
      for (const key of "abc") kept.store.set("n", key, { x: key });
      await kept.persistence.flush();
      const victim = kept.arena.open(1);
      more = runUntilStep(step, () => change(victim));
      kept.arena.setState(1, 4);
      withoutWaiting(() => kept.store.audit()); // takes the lock over, and mends what was left
      await kept.persistence.flush();
      const again = await keepStore(disk.copy(), { bytes: 64 << 10 });
      const values = (store: MemoryStore): unknown[] => ["a", "b", "c", "new"].map((key) => store.get("n", key));
      assertEquals(values(again.store), values(kept.store), `${name}, step ${step}`);
      await Promise.all([again.persistence.abandon(), kept.persistence.abandon()]);
    }
  }
});

Deno.test("a value that changes while it is copied is copied again", async () => {
  const disk = new FaultDisk(1);
  const { store, part, persistence } = await keepStore(disk);
  const values = ["x".repeat(2_000), "y".repeat(2_000)];
  store.set("n", "k", values[0]);
  let changes = 0;
  /** Between a record's head and its content another thread sets the value, and others take the room that it leaves. */
  class Disturbed extends LogBatch {
    override get window(): LogBatch["window"] {
      if (changes++ < 3) {
        store.set("n", "k", values[changes & 1]);
        store.set("n", `filler ${changes}`, "z".repeat(1_990));
      }
      return super.window;
    }
  }
  const file = await disk.open("other", true);
  const batch = new Disturbed(file, LOG_HEADER_BYTES, [1, 2], 1, crc32c);
  for (const _slice of part.collect(batch, true));
  await batch.commit();
  await persistence.abandon();
  const image = disk.bytesOf("other");
  assert(changes > 3);
  const text = new TextDecoder("latin1").decode(image);
  const runs = [...text.matchAll(/x{100,}|y{100,}|z{100,}/g)].map(([run]) => `${run[0]}${run.length}`);
  assertEquals(runs.filter((run) => !["x2000", "y2000", "z1990"].includes(run)), []);
  assertEquals(runs.filter((run) => run === "x2000" || run === "y2000").length, 1);
});
