/**
 * The codec between threads: the plain codec's bytes, but records by shape and repeated strings by number (shape_format.ts). Measured on a message of
 * four fields, a third of the plain codec's time.
 *
 * @module
 */
import type { Layout } from "../memory/layout.ts";
import type { ByteWindow, SharedMemory } from "../memory/shared_memory.ts";
import type { Codec } from "./codec.ts";
import { Decoder } from "./codec_decode.ts";
import { Encoder } from "./codec_encode.ts";
import { ReadTables } from "./shape_decode.ts";
import { WriteShapes } from "./shape_encode.ts";
import { mayGenerateCode, type ShapeOptions } from "./shape_format.ts";

/** A key list a few times in a row is a kind of record; a string needs more, for it saves less. */
const SIGHTINGS_MIN = 4;
const REPEATS_MIN = 8;
/** Making a function takes as long as some hundred records without it. */
const USES_BEFORE_CODE = 64;

/** The codec of one host: what it writes refers to that host's table, and it reads what any host wrote. One instance a host, for its thread only. */
export class ShapeCodec implements Codec {
  readonly #decoder: Decoder;
  readonly #encoder: Encoder;

  /** `options` other than the defaults are for tests. */
  constructor(memory: SharedMemory, layout: Layout, host: number, options: Partial<ShapeOptions> = {}) {
    const code = options.code ?? mayGenerateCode();
    const all: ShapeOptions = {
      ...{ sightingsMin: SIGHTINGS_MIN, repeatsMin: REPEATS_MIN, usesBeforeCode: USES_BEFORE_CODE, ...options, code },
    };
    this.#encoder = new Encoder(new WriteShapes(memory, layout, host, all), memory);
    this.#decoder = new Decoder(new ReadTables(memory, layout, all), memory);
  }

  /** See `Codec.encode`. A payload that is encoded in the middle of another (a getter sends a message) is written without shapes. */
  encode(value: unknown, target: ByteWindow, at: number, limit: number): number {
    const encoder = this.#encoder.busy ? new Encoder() : this.#encoder;
    return encoder.encode(value, target, at, limit);
  }

  /** See `Codec.decode`. */
  decode(source: ByteWindow, at: number, end: number): unknown {
    return this.#decoder.decode(source, at, end);
  }
}
