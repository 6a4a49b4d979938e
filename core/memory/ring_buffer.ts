/**
 * One producer, one consumer, framed bytes: one lane between one ordered pair of hosts.
 *
 * ```
 *            tail (consumer)         published        head (producer, private)
 *              │                         │               │
 *   ───────────▼─────────────────────────▼───────────────▼──────────────│ slack
 *   …free…     │ length kind …│ length … │ claimed, not yet seen        │ FRAME_BYTES_MAX
 * ```
 * Cursors are free-running 32-bit byte counts compared by difference, so nothing special happens at 2³². Frames are 8-byte aligned; a frame that
 * starts near the end runs on into the slack, so there are no wrap frames. Each side keeps a private copy of the other's cursor and touches the
 * shared one only when that copy says full or empty: atomics cost 10 ns here, so they are paid per batch (the idea is rigtorp/SPSCQueue's).
 *
 * Only valid use: ONE thread claims, commits and publishes; ONE thread drains. What was not committed does not exist: a producer that dies leaves no hole.
 *
 * @module
 */
import { FRAME_BYTES_MAX } from "./layout.ts";
import type { SharedMemory } from "./shared_memory.ts";
import { load, store } from "./atomics.ts";

/** Receives one frame: `at` is its first byte in the arena, `bytes` its length with the 8-byte head. Must not keep the range. */
export interface FrameHandler {
  /** True: it takes no further frame; those not yet handed over stay in the lane. */
  readonly closed?: boolean;
  /** Called for each frame in order, inside `drain`. */
  frame(at: number, bytes: number): void;
}

/** Bytes before a frame's own content: its length with its mark (the ring's) and one word that is the caller's. */
export const FRAME_HEAD_BYTES = 8;
/** How far the consumer has come with a frame, in the upper bits of its length: what a survivor reads when the consumer has died. */
export const FRAME_MARK = {
  /** Not looked at yet. */
  fresh: 0,
  /** Its handler has been entered. */
  begun: 1 << 24,
  /** Handled, or kept elsewhere. */
  done: 2 << 24,
} as const;
const LENGTH_MASK = (1 << 24) - 1;

/** Consumer: says how far it has come. A plain store: a survivor reads it only after the death was noticed, which orders the two. */
export function markFrame(words: Int32Array, at: number, mark: number): void {
  words[at >> 2] = (words[at >> 2] & LENGTH_MASK) | mark;
}
/** Published without being asked after so much, so that the consumer works while a long burst is still being written. */
const PUBLISH_EVERY_BYTES = 8_192;

/** One lane. Make one instance in the producer's thread and one in the consumer's. */
export class RingBuffer {
  readonly #words: Int32Array;
  readonly #headWord: number;
  readonly #committedWord: number;
  readonly #wantedWord: number;
  readonly #tailWord: number;
  readonly #data: number;
  readonly #bytes: number;
  readonly #mask: number;
  /** Producer's: next byte to write, what the consumer has been shown, and the consumer's cursor as last seen. */
  #head: number;
  #published: number;
  #tailSeen: number;
  #unannounced = false;
  /** Consumer's: next byte to read, and the producer's cursor as last seen. */
  #tail: number;
  #headSeen: number;

  /** Attaches to the lane at `place` (from `ringAt` of the layout), where it stands now. */
  constructor(memory: SharedMemory, place: { head: number; tail: number; data: number; bytes: number }) {
    this.#words = memory.words;
    this.#headWord = place.head >> 2;
    this.#committedWord = this.#headWord + 1;
    this.#wantedWord = this.#headWord + 2;
    this.#tailWord = place.tail >> 2;
    this.#data = place.data;
    this.#bytes = place.bytes;
    this.#mask = place.bytes - 1;
    this.#head = this.#published = this.#headSeen = load(this.#words, this.#headWord);
    this.#tail = this.#tailSeen = load(this.#words, this.#tailWord);
  }

  /** Byte offset where a frame of at most `bytes` may be written, or −1 when the lane is full. Claiming again without commit returns the same place. */
  tryClaim(bytes: number = FRAME_BYTES_MAX): number {
    if (((this.#head - this.#tailSeen) >>> 0) + bytes > this.#bytes) {
      this.#tailSeen = load(this.#words, this.#tailWord);
      if (((this.#head - this.#tailSeen) >>> 0) + bytes > this.#bytes) return -1;
    }
    return this.#data + (this.#head & this.#mask);
  }

  /** The same once more, having said that room is wanted: the consumer tells when there is (`roomIsDue`). */
  claimWanting(bytes: number = FRAME_BYTES_MAX): number {
    store(this.#words, this.#wantedWord, 1);
    // Looked at again: what the consumer gave back before it could see the word would not be told.
    return this.tryClaim(bytes);
  }

  /**
   * Keeps the claimed frame: `bytes` from its first byte, head included. The consumer sees it at the next publish, or at once when so much has come
   * together: then true is returned, and the consumer's bell is due.
   */
  commit(bytes: number): boolean {
    const rounded = (bytes + 7) & ~7;
    this.#words[(this.#data + (this.#head & this.#mask)) >> 2] = rounded;
    this.#head = (this.#head + rounded) | 0;
    // Plain: nobody reads it while this thread lives. When it dies, what it committed is published in its name.
    this.#words[this.#committedWord] = this.#head;
    this.#unannounced = true;
    if (((this.#head - this.#published) >>> 0) <= PUBLISH_EVERY_BYTES) return false;
    this.#show();
    return true;
  }

  /** Shows the consumer all that was committed. True when something was new since the last call: then the consumer's bell is due. */
  publish(): boolean {
    if (!this.#unannounced) return false;
    this.#unannounced = false;
    if (this.#published !== this.#head) this.#show();
    return true;
  }

  #show(): void {
    this.#published = this.#head;
    store(this.#words, this.#headWord, this.#head);
  }

  /** Whether a frame waits for the consumer. */
  readable(): boolean {
    if (this.#tail !== this.#headSeen) return true;
    this.#headSeen = load(this.#words, this.#headWord);
    return this.#tail !== this.#headSeen;
  }

  /**
   * Hands at most `limit` frames to `handler` and returns how many. The bytes are given back in steps while it goes on, so that a producer that
   * waits for room need not wait for the whole batch; a frame's own bytes stay until its handler has returned.
   */
  drain(limit: number, handler: FrameHandler): number {
    let frames = 0;
    let released = this.#tail;
    try {
      while (frames < limit && !handler.closed && this.readable()) {
        const at = this.#data + (this.#tail & this.#mask);
        const bytes = this.#words[at >> 2] & LENGTH_MASK;
        if (((this.#tail - released) >>> 0) > this.#bytes >> 2) {
          released = this.#tail;
          store(this.#words, this.#tailWord, released);
        }
        this.#tail = (this.#tail + bytes) | 0;
        frames++;
        handler.frame(at, bytes);
      }
    } finally {
      if (released !== this.#tail) store(this.#words, this.#tailWord, this.#tail);
    }
    return frames;
  }

  /** Consumer, after a drain: whether the producer waits for room and there is plenty now. True once; then the producer's bell is due. */
  roomIsDue(): boolean {
    if (load(this.#words, this.#wantedWord) === 0 || ((this.#headSeen - this.#tail) >>> 0) > this.#bytes >> 1) return false;
    store(this.#words, this.#wantedWord, 0);
    return true;
  }

  /** A survivor: shows the consumer what a dead producer had committed and not yet published. True when there was any. */
  publishForDead(): boolean {
    const committed = this.#words[this.#committedWord];
    if (committed === load(this.#words, this.#headWord)) return false;
    store(this.#words, this.#headWord, committed);
    return true;
  }

  /**
   * Its producer, or the heir of a dead one: takes the frames that a dead consumer has left, in order, and empties the lane. Each is handed over
   * with its mark.
   */
  reclaim(take: (at: number, bytes: number, mark: number) => void): void {
    let tail = load(this.#words, this.#tailWord);
    const head = this.#words[this.#committedWord];
    while (tail !== head) {
      const at = this.#data + (tail & this.#mask);
      const word = this.#words[at >> 2];
      const bytes = word & LENGTH_MASK;
      take(at, bytes, word & ~LENGTH_MASK);
      tail = (tail + bytes) | 0;
    }
    this.#published = this.#head = this.#tailSeen = head;
    this.#unannounced = false;
    store(this.#words, this.#headWord, head);
    store(this.#words, this.#tailWord, head);
  }

  /** Bytes between the published head and the released tail, as any thread sees them. */
  usedBytes(): number {
    // Tail first: read the other way round, it could have overtaken the head in between and the difference would be near 2³².
    const tail = load(this.#words, this.#tailWord);
    return Math.min((load(this.#words, this.#headWord) - tail) >>> 0, this.#bytes);
  }

  /** Size of the lane in bytes. */
  get capacityBytes(): number {
    return this.#bytes;
  }
}
