/** The store's share of the log while other threads write, and where a flush meets a key twice. */
import { assert, assertEquals } from "@std/assert";
import { setImmediate } from "node:timers";
import type { MemoryStore } from "../../core/memory/memory_store.ts";
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
    const steady = [1, 2].map((host) => start(kept.arena, host, { operations: 30_000, seed: SEED }));
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
    assert(flushes > 3, `${flushes} flushes`);
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
