/** A small arena with a store, for tests. */
import { assertEquals } from "@std/assert";
import { plainCodec } from "../../core/bus/codec.ts";
import * as atomics from "../../core/memory/atomics.ts";
import { HOST, hostField, type Layout, planLayout } from "../../core/memory/layout.ts";
import { MemoryStore } from "../../core/memory/memory_store.ts";
import { allocateMemory, type SharedMemory } from "../../core/memory/shared_memory.ts";

/** An arena and the stores on it. */
export interface StoreArena {
  memory: SharedMemory;
  layout: Layout;
  /** A thread's store, or another handle of the same. */
  open(host: number): MemoryStore;
  /** Writes a host's state word: 2 running, 4 dead. */
  setState(host: number, state: number): void;
}

/** Arena for `hosts` threads with a store of `storeBytes`. */
export function storeArena(storeBytes: number, hosts = 4): StoreArena {
  const layout = planLayout({ hosts, agentSlots: 16, sharedBufferBytes: hosts <= 4 ? 32 << 20 : 128 << 20, storeBytes });
  const memory = allocateMemory(layout.totalBytes);
  return {
    memory,
    layout,
    open: (host) => new MemoryStore(memory, layout, host, plainCodec),
    setState: (host, state) => atomics.store(memory.words, hostField(layout, host, HOST.state) >>> 2, state),
  };
}

/** What the walk finds is what the counters say, and nothing is lost. */
export function assertExact(store: MemoryStore, bytesLost = 0): void {
  const found = store.audit();
  const { entries, bytesUsed } = store.stats();
  assertEquals({ entries: found.entries, bytesUsed: found.bytesUsed, bytesLost: found.bytesLost }, { entries, bytesUsed, bytesLost });
}
