/**
 * Walks through the entries in the order of their indices: pages of a namespace, and the check of everything. A key keeps its entry for as long as it
 * lives, so a walk meets each key that is there all the while exactly once.
 *
 * @module
 */
import { InvalidArgumentError } from "../base/errors.ts";
import type { StoreBlocks } from "./store_blocks.ts";
import type { StoreEntries } from "./store_entries.ts";
import { corruptValue } from "./store_errors.ts";
import { freezePlain } from "./read_only.ts";
import type { StoreNamespaces } from "./store_namespaces.ts";
import { type BlockImage, StoreScratch, type ValueCodec } from "./store_scratch.ts";
import { STORE_BLOCK } from "./store_layout.ts";

/** Entries of a page unless the caller says otherwise, and at the most. */
const PAGE_ENTRIES = 256;
const PAGE_ENTRIES_MAX = 65_536;
/** Entries of other namespaces that a page may pass by before it ends short: about a millisecond. */
const PASSED_PER_PAGE_MAX = 65_536;
/** Corrupt entries that a report names. */
const CORRUPT_NAMED_MAX = 1_024;
/** Copies of an entry that is being changed all the time before the lock is taken. */
const LOOKS_MAX = 8;

/** What a page is asked for. */
export interface ScanOptions {
  /** Only keys that begin so. */
  readonly prefix?: string;
  /** Entries of a page. Default 256. */
  readonly limit?: number;
  /** Where to go on: `next` of the page before. */
  readonly after?: number;
}

/** One entry with its key. */
export interface ScannedEntry {
  /** Its key. */
  readonly key: string;
  /** Its value, read-only. */
  readonly value: unknown;
  /** Its version. */
  readonly version: number;
}

/** Some entries of a namespace. */
export interface ScanPage {
  /** In no particular order. May be fewer than asked for, or none, also when there are more. */
  readonly entries: readonly ScannedEntry[];
  /** Hand it back as `after` for the next page; absent: that was all. */
  readonly next?: number;
}

/** What a check of everything found. */
export interface StoreCheck {
  /** Entries looked at. */
  readonly checked: number;
  /** How many of them are not what was written. */
  readonly damaged: number;
  /** The first 1,024 of those. A damaged key reads as it stands there. */
  readonly corrupt: readonly { readonly namespace: string; readonly key: string }[];
}

/** What a walk needs of the store. */
export interface WalkParts {
  readonly entries: StoreEntries;
  readonly blocks: StoreBlocks;
  readonly namespaces: StoreNamespaces;
  readonly codec: ValueCodec;
  /** Runs a function under the lock. */
  locked<T>(fn: () => T): T;
}

/** One thread's walks. */
export class StoreWalk {
  readonly #scratch = new StoreScratch();

  /** Made of the other parts. */
  constructor(private readonly parts: WalkParts) {}

  /** One page of a namespace. Throws `CORRUPT_VALUE`; its `data.next` leads on behind the damaged entry. */
  page(namespace: string, options: ScanOptions = {}): ScanPage {
    const { prefix = "", limit = PAGE_ENTRIES, after = 0 } = options;
    if (typeof prefix !== "string") throw new InvalidArgumentError("prefix", prefix, "give a string.");
    if (!Number.isInteger(limit) || limit < 1 || limit > PAGE_ENTRIES_MAX) {
      throw new InvalidArgumentError("limit", limit, `give an integer from 1 to ${PAGE_ENTRIES_MAX}.`);
    }
    if (!Number.isInteger(after) || after < 0) throw new InvalidArgumentError("after", after, "give `next` of the page before.");
    const { entries, namespaces } = this.parts;
    const id = namespaces.find(namespace);
    const found: ScannedEntry[] = [];
    if (id < 0) return { entries: found };
    const begin = this.#prefixBytes(prefix);
    const end = entries.end;
    for (let index = after; index < end; index++) {
      if (found.length === limit || index - after === PASSED_PER_PAGE_MAX) return { entries: found, next: index };
      const image = this.#copy(index, id, begin);
      if (image === undefined) continue;
      const version = entries.wholeVersion;
      const key = this.#scratch.keyText(image);
      if (!this.#scratch.isIntact(image)) throw corruptValue(namespace, key, { next: index + 1 });
      const value = this.parts.codec.decode(this.#scratch.window, image.valueAt, image.end);
      freezePlain(value);
      found.push({ key, value, version });
    }
    return { entries: found };
  }

  /** Checks every entry against its checksum. */
  verify(): StoreCheck {
    const { entries, blocks, namespaces } = this.parts;
    let [checked, damaged] = [0, 0];
    const corrupt: { namespace: string; key: string }[] = [];
    for (let index = 0; index < entries.end; index++) {
      if (!entries.at(index)) continue;
      checked++;
      const image = this.#copy(index, -1, NO_BYTES);
      if (image !== undefined && this.#scratch.isIntact(image)) continue;
      // Without an image: removed meanwhile, or its lengths are damaged.
      const isThere = image !== undefined ||
        this.parts.locked(() => entries.at(index) && blocks.copy(entries.block, this.#scratch) === undefined);
      if (!isThere) continue;
      damaged++;
      if (corrupt.length >= CORRUPT_NAMED_MAX) continue;
      const key = image === undefined ? "" : this.#scratch.keyText(image);
      corrupt.push({ namespace: namespaces.nameOf(entries.namespaceOf(index)), key });
    }
    return { checked, damaged, corrupt };
  }

  /** Copies an entry if it is of the namespace (−1: any) and its key begins so. */
  #copy(index: number, namespaceId: number, prefix: Uint8Array): BlockImage | undefined {
    const { entries, blocks } = this.parts;
    const look = (): BlockImage | undefined => {
      if (!entries.at(index) || (namespaceId >= 0 && entries.namespaceOf(index) !== namespaceId)) return undefined;
      return prefix.length === 0 || blocks.keyBegins(entries.block, prefix) ? blocks.copy(entries.block, this.#scratch) : undefined;
    };
    for (let looks = 0; looks < LOOKS_MAX; looks++) {
      const image = look();
      if (entries.isUnchanged(index)) return image;
    }
    return this.parts.locked(look);
  }

  #prefixBytes(prefix: string): Uint8Array {
    if (prefix === "") return NO_BYTES;
    const { keyBytes } = this.#scratch.writeKey(0, prefix);
    return new Uint8Array(this.#scratch.window.bytes.subarray(STORE_BLOCK.key, STORE_BLOCK.key + keyBytes));
  }
}

const NO_BYTES = new Uint8Array(0);
