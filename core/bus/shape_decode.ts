/**
 * The reading half of shapes: tables of all hosts as this thread has taken them in, and functions that read a record in one go.
 *
 * @module
 */
import type { Layout } from "../memory/layout.ts";
import type { SharedMemory } from "../memory/shared_memory.ts";
import { SHORT_TEXT, SMALL_INTEGER, TAG, WORD } from "./codec_format.ts";
import { generate, quoted, type ShapeOptions } from "./shape_format.ts";
import { ShapeTable } from "./shape_table.ts";

/** What a generated function needs of the decoder at work. */
export interface RecordSource {
  /** The window. */
  readonly bytes: Uint8Array<ArrayBufferLike>;
  /** The window. */
  readonly view: DataView<ArrayBufferLike>;
  /** Words of the payload's table. */
  readonly words: readonly string[];
  /** Next byte to read. */
  at: number;
  /** Takes the next object number. */
  reserve(): number;
  /** Reads any value. */
  member(depth: number): unknown;
  /** The object of a number is complete. */
  fill(number: number, object: object): void;
}

/** A key list and the function that reads its records, once it is used often. */
export class ReadShape {
  /** Reads the fields of one record, the number of the shape being read already; null: key by key. */
  read: ((source: RecordSource, depth: number) => object) | null = null;
  #uses = 0;

  /** A shape. */
  constructor(readonly keys: readonly string[], private readonly options: ShapeOptions) {}

  /** Counts a record that was read without code. */
  used(): void {
    if (this.options.code && ++this.#uses >= this.options.usesBeforeCode) this.read ??= readerOf(this.keys);
  }
}

/** One host's shapes and words by number. */
export class ReadTable {
  readonly shapes: ReadShape[] = [];
  readonly words: string[] = [];
  readonly #table: ShapeTable;

  /** The table of `host`. */
  constructor(memory: SharedMemory, layout: Layout, host: number, shapeOf: (keys: readonly string[]) => ReadShape) {
    this.#table = new ShapeTable(memory, layout, host, (entry) => {
      if (typeof entry === "string") this.words.push(entry);
      else this.shapes.push(shapeOf(entry));
    });
  }

  /** The shape of a number, looked up in shared memory when it is new; undefined when there is none. */
  shape(number: number): ReadShape | undefined {
    if (number >= this.shapes.length) this.#table.refresh();
    return this.shapes[number];
  }

  /** The word of a number, likewise. */
  word(number: number): string | undefined {
    if (number >= this.words.length) this.#table.refresh();
    return this.words[number];
  }
}

/** The tables of all hosts, each taken in when it is first referred to. Bounded by the tables themselves. */
export class ReadTables {
  readonly #tables: (ReadTable | undefined)[];
  /** Hosts that run the same code send the same shapes: one function each. */
  readonly #shapes = new Map<string, ReadShape>();

  /** The tables in an arena. */
  constructor(private readonly memory: SharedMemory, private readonly layout: Layout, private readonly options: ShapeOptions) {
    this.#tables = new Array(layout.hosts).fill(undefined);
  }

  /** The table of a host, undefined when there is no such host. */
  of(host: number): ReadTable | undefined {
    if (host >= this.layout.hosts) return undefined;
    return this.#tables[host] ??= new ReadTable(this.memory, this.layout, host, (keys) => this.#shapeOf(keys));
  }

  #shapeOf(keys: readonly string[]): ReadShape {
    const name = JSON.stringify(keys);
    let shape = this.#shapes.get(name);
    if (shape === undefined) this.#shapes.set(name, shape = new ReadShape(keys, this.options));
    return shape;
  }
}

/** A function that reads all values and then makes the object in one literal. What runs over the payload's end is found by `fill`. */
function readerOf(keys: readonly string[]): (source: RecordSource, depth: number) => object {
  const fields = keys.map((_key, index) => readField(`v${index}`)).join("\n");
  const literal = keys.map((key, index) => `${quoted(key)}: v${index}`).join(", ");
  return generate(`return function (d, depth) {
    const number = d.reserve(), b = d.bytes, s = d.view, w = d.words;
    let at = d.at, t = 0, ${keys.map((_key, index) => `v${index}`).join(", ")};
    ${fields}
    d.at = at;
    const o = { ${literal} };
    d.fill(number, o);
    return o;
  }`);
}

function readField(value: string): string {
  return `t = b[at];
    if (t >= ${SMALL_INTEGER}) { ${value} = t & 0x7f; at++; }
    else if (t < ${SHORT_TEXT} && t >= ${WORD} && (${value} = w[(t & 0x1f) << 8 | b[at + 1]]) !== undefined) at += 2;
    else if (t === ${TAG.integer}) { ${value} = s.getInt32(at + 1, true); at += 5; }
    else if (t === ${TAG.true}) { ${value} = true; at++; }
    else if (t === ${TAG.false}) { ${value} = false; at++; }
    else if (t === ${TAG.float}) { ${value} = s.getFloat64(at + 1, true); at += 9; }
    else { d.at = at; ${value} = d.member(depth); at = d.at; }`;
}
