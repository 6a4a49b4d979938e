/**
 * The store of another process, read in its mapped file while that process runs, or after it has ended. Nothing is written, no lock is taken, and the
 * other process notices nothing.
 *
 * @module
 */
import { KernelError } from "../base/errors.ts";
import { headerOf } from "./mapped_errors.ts";
import { MappedFile } from "./mapped_file.ts";
import { decodeState, MAPPED_HEADER_BYTES, MAPPED_STATE, mappedFileBytes, mappedRanges } from "./mapped_layout.ts";
import { cannotOpen } from "./persistence_errors.ts";
import { freezePlain } from "./read_only.ts";
import { allocateMemory, type SharedMemory } from "./shared_memory.ts";
import { type ImageCheck, StoreImage } from "./store_image.ts";
import type { ValueCodec } from "./store_scratch.ts";

/** Damaged entries that a check names. */
const NAMED_MAX = 1_024;

/** One entry of an attached store. */
export interface AttachedEntry {
  /** Where it stands. */
  readonly namespace: string;
  /** Its key. */
  readonly key: string;
  /** Its value: plain objects and arrays are frozen, all else is a copy. */
  readonly value: unknown;
  /** Its version. */
  readonly version: number;
}

/** A store in a file. */
export class AttachedStore implements Disposable {
  readonly #file: MappedFile;
  readonly #memory: SharedMemory;
  readonly #image: StoreImage;
  readonly #layout: Parameters<typeof mappedRanges>[0];
  readonly #inode: string;
  #isOpen = true;

  /** Attaches to the mapped file of that path. `codec` is the one that its values were written with. */
  constructor(private readonly path: string, private readonly codec: ValueCodec) {
    const bytes = new Uint8Array(MAPPED_HEADER_BYTES);
    this.#inode = readHeader(path, bytes);
    const { layout } = headerOf(path, bytes).header;
    this.#layout = layout;
    const size = Deno.statSync(path).size;
    if (size < mappedFileBytes(layout) || decodeState(bytes) < MAPPED_STATE.live) {
      throw new KernelError(
        "PERSISTENCE_DAMAGED",
        `${path} has been cut off at ${size} bytes: open it with a manager, which takes out what is left.`,
        {
          path,
          size,
        },
      );
    }
    this.#file = MappedFile.open(path, "read");
    this.#memory = allocateMemory(layout.totalBytes);
    this.#file.map(this.#memory, mappedRanges(layout), "read");
    this.#image = new StoreImage(this.#memory, layout);
  }

  /** The value of a key now, or undefined. Throws `PERSISTENCE_DAMAGED`, `STORE_BUSY`. */
  get(namespace: string, key: string): unknown {
    return this.getEntry(namespace, key)?.value;
  }

  /** The same with its version. */
  getEntry(namespace: string, key: string): { value: unknown; version: number } | undefined {
    const image = this.#opened();
    if (!image.find(namespace, key)) return undefined;
    return { value: this.#decoded(image), version: image.version };
  }

  /** Namespaces that anything was ever stored in. */
  namespaces(): string[] {
    return this.#opened().names().filter((name) => name !== undefined);
  }

  /** Every entry that is whole. A key that is there all the while is among them once. */
  *entries(namespace?: string): Generator<AttachedEntry, void, void> {
    const names = this.#opened().names();
    for (let entry = 0; entry < this.#image.end; entry++) {
      const image = this.#opened();
      if (image.lookSettled(entry) !== "valid") continue;
      const name = names[image.namespaceId] ?? image.names()[image.namespaceId];
      if (name === undefined || (namespace !== undefined && name !== namespace)) continue;
      yield { namespace: name, key: image.scratch.keyText(image.image), value: this.#decoded(image), version: image.version };
    }
  }

  /** Checks every entry against its checksum. */
  verify(): ImageCheck {
    return this.#opened().check(NAMED_MAX);
  }

  /** Whether the path still names this file: a manager that starts there puts a new one in its place. Then attach again. */
  get isCurrent(): boolean {
    try {
      return inodeOf(Deno.statSync(this.path)) === this.#inode;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  }

  /** Lets the file go. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#file.release(this.#memory, mappedRanges(this.#layout));
    this.#file.close();
  }

  /** `using` closes. */
  [Symbol.dispose](): void {
    this.close();
  }

  #opened(): StoreImage {
    if (this.#isOpen) return this.#image;
    throw new KernelError("PERSISTENCE_OFF", `${this.path} has been closed here; attach to it again.`, { path: this.path });
  }

  #decoded({ scratch, image }: StoreImage): unknown {
    const value = this.codec.decode(scratch.window, image.valueAt, image.end);
    freezePlain(value);
    return value;
  }
}

function readHeader(path: string, bytes: Uint8Array<ArrayBuffer>): string {
  try {
    using file = Deno.openSync(path);
    for (let at = 0, read: number | null = 1; at < bytes.length && read; at += read) read = file.readSync(bytes.subarray(at)) ?? 0;
    return inodeOf(file.statSync());
  } catch (cause) {
    throw cannotOpen(path, cause);
  }
}

function inodeOf({ dev, ino }: Deno.FileInfo): string {
  return `${dev}:${ino}`;
}
