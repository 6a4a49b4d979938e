/**
 * Room for payloads that no frame can hold: fixed slabs in shared memory, several a message, freed by the receiver once it has copied them out.
 *
 * @module
 */
import { HEADER, type Layout, SLAB_BYTES, slabAt, slabStateAt } from "../memory/layout.ts";
import { SlotPool } from "../memory/slot_pool.ts";
import type { SharedMemory } from "../memory/shared_memory.ts";

/** The slabs of the arena as one thread sees them. */
export class SlabPool {
  readonly #pool: SlotPool;

  /** `host` is written into each claimed slab, so that a dead thread's slabs can be told. */
  constructor(private readonly memory: SharedMemory, private readonly layout: Layout, private readonly host: number) {
    this.#pool = new SlotPool({
      words: memory.words,
      first: slabStateAt(layout, 0) >> 2,
      stride: 1,
      count: layout.slabs,
      cursor: HEADER.slabCursor >> 2,
    });
  }

  /** Copies `bytes` of `source` into claimed slabs; null when there are not enough free (then nothing is claimed). */
  tryStore(source: Uint8Array, bytes: number): number[] | null {
    const slabs: number[] = [];
    for (let at = 0; at < bytes; at += SLAB_BYTES) {
      const slab = this.#pool.tryClaim(() => this.host + 1);
      if (slab < 0) {
        this.release(slabs);
        return null;
      }
      slabs.push(slab);
      this.memory.bytes.set(source.subarray(at, Math.min(at + SLAB_BYTES, bytes)), slabAt(this.layout, slab));
    }
    return slabs;
  }

  /** Copies a payload out of its slabs to the start of `target`. */
  copyOut(slabs: readonly number[], bytes: number, target: Uint8Array): void {
    for (let index = 0; index < slabs.length; index++) {
      const at = index * SLAB_BYTES;
      const from = slabAt(this.layout, slabs[index]);
      target.set(this.memory.bytes.subarray(from, from + Math.min(SLAB_BYTES, bytes - at)), at);
    }
  }

  /** Frees slabs, whoever claimed them. */
  release(slabs: readonly number[]): void {
    for (const slab of slabs) {
      const word = this.memory.words[slabStateAt(this.layout, slab) >> 2];
      this.#pool.release(slab, word, 0);
    }
  }

  /** Slabs taken at the moment. */
  inUse(): number {
    return this.#pool.inUse();
  }
}
