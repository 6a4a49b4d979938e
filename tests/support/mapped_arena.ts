/** An arena whose bytes are a file, and the store on it, for tests. */
import { plainCodec } from "../../core/bus/codec.ts";
import { type Layout, planLayout } from "../../core/memory/layout.ts";
import { whyNoMapping } from "../../core/memory/mapped_file.ts";
import { MappedArena } from "../../core/memory/mapped_arena.ts";
import { MemoryStore } from "../../core/memory/memory_store.ts";
import { decodeHeader, encodeHeader, MAPPED_HEADER_BYTES, MAPPED_STATE, type MappedHeader } from "../../core/memory/mapped_layout.ts";
import type { Salvage } from "../../core/memory/mapped_recovery.ts";
import { allocateMemory, type SharedMemory } from "../../core/memory/shared_memory.ts";

// Once for all tests: the libc is never let go.
whyNoMapping();

/** Hosts of such an arena. */
export const MAPPED_HOSTS = 3;

/** How such an arena is divided. */
export function mappedPlan(storeBytes = 1 << 20): Layout {
  return planLayout({ hosts: MAPPED_HOSTS, agentSlots: 16, sharedBufferBytes: 16 << 20, storeBytes, blackBox: true });
}

/** What was opened. */
export interface OpenedArena extends Disposable {
  readonly memory: SharedMemory;
  readonly layout: Layout;
  readonly store: MemoryStore;
  readonly arena: MappedArena;
  /** What was taken over; undefined when there was no file. */
  readonly found: Salvage | undefined;
  /** Whether there was a file, and its bytes were those of one moment. */
  readonly isWhole: boolean | undefined;
  readonly notes: readonly string[];
}

/** Opens a file as a manager does, and recovers the store that is in it. */
export function openMapped(path: string, layout = mappedPlan()): OpenedArena {
  const memory = allocateMemory(layout.totalBytes);
  const arena = MappedArena.open({ path, memory, layout, now: Date.now() });
  try {
    const { isWhole, notes = [] } = arena.previous ?? {};
    const found = arena.restoreStore();
    arena.commit((found?.damaged ?? 0) > 0);
    const store = new MemoryStore(memory, layout, 0, plainCodec);
    return { memory, layout, store, arena, found, isWhole, notes, [Symbol.dispose]: () => arena.close(true) };
  } catch (error) {
    arena.close(false);
    throw error;
  }
}

/** Writes something else into a file's header; returns what stood there. */
export function changeHeader(path: string, change: Partial<MappedHeader>, state: number = MAPPED_STATE.live): MappedHeader {
  const reading = decodeHeader(Deno.readFileSync(path).subarray(0, MAPPED_HEADER_BYTES));
  if (reading.kind !== "read") throw new Error(`the header of ${path} is ${reading.kind}`);
  using file = Deno.openSync(path, { write: true });
  file.writeSync(encodeHeader({ ...reading.header, ...change }, state) as Uint8Array<ArrayBuffer>);
  return reading.header;
}

/** Where a text of plain letters stands in bytes. As text of one byte a character they are searched a hundred times as quickly as one by one. */
export function offsetOf(bytes: Uint8Array<ArrayBuffer>, text: string, from = 0): number {
  const at = new TextDecoder("windows-1252").decode(bytes).indexOf(text, from);
  if (at < 0) throw new Error(`${text} is not in the bytes`);
  return at;
}

/** Everything that a store holds, by namespace and key. */
export function contents(store: MemoryStore): Record<string, unknown> {
  const all: Record<string, unknown> = {};
  for (const { namespace } of store.stats().namespaces) {
    for (let after: number | undefined = 0; after !== undefined;) {
      const page: ReturnType<MemoryStore["scan"]> = store.scan(namespace, { after, limit: 1_000 });
      for (const { key, value, version } of page.entries) all[`${namespace}/${key}`] = [value, version];
      after = page.next;
    }
  }
  return all;
}
