/**
 * Takes what is whole out of a store's image and puts it into a fresh store.
 *
 * A process that is killed leaves the image of one moment: every entry is then old or new, and nothing is lost. A loss of power leaves any mixture of
 * pages: an entry whose parts do not belong together is found by its checksum, its owner and its key's place, counted and named.
 *
 * @module
 */
import type { StoreImage } from "./store_image.ts";
import type { StoreRestore } from "./store_restore.ts";

/** Damaged entries that a report names. */
const NAMED_MAX = 16;
/** Characters of a key that it shows. */
const KEY_SHOWN_MAX = 80;

/** What was taken out. */
export interface Salvage {
  /** Entries that stand in the fresh store. */
  readonly entries: number;
  /** Entries that are lost. */
  readonly damaged: number;
  /** The first of those, in words. */
  readonly named: readonly string[];
  /** Entries that found no room. */
  readonly refused: number;
  /** Entries of which another copy was newer: pages of two moments. */
  readonly older: number;
}

/** Moves all whole entries from `image` into `target`. */
export function salvage(image: StoreImage, target: StoreRestore): Salvage {
  const names = [...image.names()];
  const { changing } = image;
  const named: string[] = [];
  const nameOf = (id: number): string => {
    if (names[id] !== undefined) return names[id];
    named.push(`the name of namespace ${id} is damaged: its keys stand in "${names[id] = `$lost-${id}`}"`);
    return names[id];
  };
  let [entries, damaged, refused, older, newest] = [0, 0, 0, 0, image.sequence];
  const unfinished: number[] = [];
  const take = (entry: number, version: number): void => {
    const key = image.scratch.keyText(image.image);
    const result = target.put(nameOf(image.namespaceId), key, image.value, version);
    if (result === "restored") entries++;
    else if (result === "older") older++;
    else if (refused++ < NAMED_MAX) named.push(`${shown(key)}: there is no room for it (entry ${entry})`);
  };
  for (let entry = 0; entry < image.capacity; entry++) {
    const state = image.look(entry, true);
    if (state === "free") continue;
    if (state === "damaged") {
      if (damaged++ < NAMED_MAX) named.push(`entry ${entry}: ${image.why}`);
      continue;
    }
    newest = Math.max(newest, image.version);
    // Its holder died between giving it its value and giving it its version, or before both.
    if (changing === entry || changing === "all") unfinished.push(entry);
    else take(entry, image.version);
  }
  for (const entry of unfinished) {
    image.look(entry, true);
    take(entry, ++newest);
  }
  target.continueAbove(newest);
  return { entries: entries - target.evictions, damaged, named, refused: refused + target.evictions, older };
}

function shown(key: string): string {
  return JSON.stringify(key.length > KEY_SHOWN_MAX ? key.slice(0, KEY_SHOWN_MAX) + "…" : key);
}
