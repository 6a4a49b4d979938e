/** A small arena with a store, for tests. */
import { assert, assertEquals } from "@std/assert";
import { plainCodec } from "../../core/bus/codec.ts";
import * as atomics from "../../core/memory/atomics.ts";
import { HOST, hostField, type Layout, planLayout } from "../../core/memory/layout.ts";
import { MemoryStore } from "../../core/memory/memory_store.ts";
import { allocateMemory, type SharedMemory } from "../../core/memory/shared_memory.ts";
import { STORE, storeParts } from "../../core/memory/store_layout.ts";

/** An arena and the stores on it. */
export interface StoreArena {
  memory: SharedMemory;
  layout: Layout;
  /** A thread's store, or another handle of the same. */
  open(host: number): MemoryStore;
  /** Writes a host's state word: 2 running, 4 dead. */
  setState(host: number, state: number): void;
  /** Says how many changes there were. */
  setSequence(sequence: number): void;
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
    setSequence: (sequence) => void (memory.floats[(layout.store.offset + STORE.sequence) >>> 3] = sequence),
  };
}

/** What the walk finds is what the counters say, and nothing is lost. */
export function assertExact(store: MemoryStore, bytesLost = 0): void {
  const found = store.audit();
  const { entries, bytesUsed } = store.stats();
  assertEquals({ entries: found.entries, bytesUsed: found.bytesUsed, bytesLost: found.bytesLost }, { entries, bytesUsed, bytesLost });
}

/** Offset in the arena of the only place in the store's units where `text` stands. */
export function placeOf(arena: StoreArena, text: string): number {
  const { units, count } = storeParts(arena.layout);
  const bytes = arena.memory.bytes.subarray(units, units + count * 64);
  const wanted = new TextEncoder().encode(text);
  const at = bytes.findIndex((_, i) => wanted.every((byte, j) => bytes[i + j] === byte));
  assert(at >= 0, `${text} is not in the store`);
  return units + at;
}

/** Changes one byte of `text`. */
export function damage(arena: StoreArena, text: string, offset = 0): void {
  arena.memory.bytes[placeOf(arena, text) + offset] ^= 0x10;
}
