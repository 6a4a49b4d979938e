/** A store that is kept on a disk, without a kernel around it. */
import { Random } from "../../core/base/random.ts";
import type { Clock } from "../../core/base/clock.ts";
import { CollectedPart, type OpenCollector } from "../../core/memory/collected_part.ts";
import { portableKernels } from "../../core/memory/kernels.ts";
import type { MemoryStore } from "../../core/memory/memory_store.ts";
import type { PersistenceDisk } from "../../core/memory/persistence_file.ts";
import { PortablePersistence } from "../../core/memory/portable_persistence.ts";
import { StorePart } from "../../core/memory/store_part.ts";
import { type StoreArena, storeArena } from "./store_arena.ts";

/** What is kept, and how. */
export interface KeptStore {
  readonly arena: StoreArena;
  readonly store: MemoryStore;
  readonly part: StorePart | CollectedPart;
  readonly persistence: PortablePersistence;
  /** Names of the events told, in order. */
  readonly events: string[];
}

/** A path that only a fault disk knows. */
export const PATH = "state/kernel";

/** A clock of which each look takes a while, so that work is cut into many turns. */
function busyClock(stepMs: number): Clock {
  let now = 1_000;
  return { now: () => now += stepMs, schedule: () => () => {} };
}

/**
 * Opens a store of `bytes` on a disk and restores what is there. `turn` runs between any two slices of a flush; `far` opens what collects in the place of
 * this thread, and `patience` is the clock by which it is waited for.
 */
export async function keepStore(
  disk: PersistenceDisk,
  {
    bytes = 1 << 20,
    arena = storeArena(bytes),
    path = PATH,
    turn = () => Promise.resolve(),
    stepMs = 0.3,
    seed = 1,
    far,
    patience = busyClock(0),
  }: {
    bytes?: number;
    arena?: StoreArena;
    path?: string;
    turn?: () => Promise<void>;
    stepMs?: number;
    seed?: number;
    far?: (arena: StoreArena) => OpenCollector;
    patience?: Clock;
  } = {},
): Promise<KeptStore> {
  const store = arena.open(0);
  const own = new StorePart(arena.memory, arena.layout, 0);
  const part = far === undefined ? own : new CollectedPart(own, patience, far(arena));
  const events: string[] = [];
  const random = new Random(seed);
  const persistence = await PortablePersistence.open({
    ...{ path, intervalMs: 1_000, disk, kernels: portableKernels, clock: busyClock(stepMs), parts: [part] },
    turn: () => random.below(2) === 0 ? turn() : Promise.resolve(),
    emit: (event) => events.push(event),
  });
  return { arena, store, part, persistence, events };
}
