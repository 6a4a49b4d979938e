/**
 * From a log back to the parts: which records count, and who takes them.
 *
 * @module
 */
import { LOG_KEYS_MAX } from "../base/limits.ts";
import type { Salt } from "./log_batch.ts";
import type { LogPart } from "./log_part.ts";
import { alignRecord } from "./log_layout.ts";
import type { LogReader, LogRecord, LogScan } from "./log_reader.ts";
import { privateWindow } from "./shared_memory.ts";

/** What came of it. */
export interface LogRecovery {
  /** Of the file. */
  readonly salt: Salt;
  /** Where the next batch goes. */
  readonly end: number;
  /** Highest number of a batch. */
  readonly sequence: number;
  /** What was in the file. */
  readonly scan: LogScan;
  /** Records that no part could use. */
  readonly refused: number;
  /** In sentences. */
  readonly notes: readonly string[];
  /** How long it took. */
  durationMs: number;
}

/** Nothing was there. */
export function nothingFound(salt: Salt, end: number): LogRecovery {
  const lost = { places: 0, records: 0, sequences: [] };
  const scan: LogScan = { end, bytes: 0, batches: 0, sequence: 0, headerDamaged: false, cut: null, showedCut: false, lost };
  return { salt, end, sequence: 0, scan, refused: 0, notes: [], durationMs: 0 };
}

/** Gives the parts back what the log has. */
export async function recoverLog(reader: LogReader, parts: readonly LogPart[]): Promise<LogRecovery> {
  const takers = new Map<number, LogPart>();
  for (const part of parts) for (const number of [...part.early, ...part.keyed, ...part.listed]) takers.set(number, part);
  let seen = new Seen(parts);
  const scan = await reader.scan((record) => seen.note(record));
  if (scan.showedCut) {
    // Seldom: what was shown in the end does not count, and hides what does.
    seen = new Seen(parts);
    await reader.replay((record) => seen.note(record));
  }
  let [refused, unknown] = [0, 0];
  for (const part of parts) part.beginRestore();
  for (const record of seen.early()) if (!takers.get(record.part)!.restore(record)) refused++;
  let place = 0;
  await reader.replay((record) => {
    place++;
    const taker = takers.get(record.part);
    if (taker === undefined) unknown++;
    else if (seen.counts(record, place) && !taker.restore(record)) refused++;
  });
  for (const part of parts) refused += part.endRestore();
  return { salt: reader.salt, end: scan.end, sequence: scan.sequence, scan, refused, notes: notesOn(scan, unknown), durationMs: 0 };
}

function notesOn({ headerDamaged }: LogScan, unknown: number): string[] {
  const notes: string[] = [];
  if (headerDamaged) notes.push("the file's header is damaged; what it says was taken from the flushes behind it");
  if (unknown > 0) {
    notes.push(`${unknown} records are of a kind that this program does not know; they are left out of the file when it is written anew`);
  }
  return notes;
}

function copyOf(record: LogRecord): LogRecord {
  const window = privateWindow(alignRecord(record.bytes));
  window.bytes.set(record.window.bytes.subarray(record.at, record.at + record.bytes));
  return { ...record, window, at: 0 };
}

/** What a first pass over the records says: the place of the last one of each key, and what comes before all others. */
class Seen {
  readonly #places: (Uint32Array | undefined)[] = [];
  readonly #early: (Map<number, LogRecord> | undefined)[] = [];
  #place = 0;

  constructor(parts: readonly LogPart[]) {
    for (const { keyed, early } of parts) {
      for (const number of keyed) this.#places[number] = new Uint32Array(1_024);
      for (const number of early) this.#early[number] = new Map();
    }
  }

  note(record: LogRecord): void {
    const { part, key } = record;
    this.#place++;
    const places = this.#places[part];
    // A key beyond any store's entries is a writer's mistake: it is never the last.
    if (places !== undefined && key < LOG_KEYS_MAX) (key < places.length ? places : this.#grow(part, places, key))[key] = this.#place;
    const early = this.#early[part];
    if (early !== undefined && !early.has(key)) early.set(key, copyOf(record));
  }

  /** One of each key, in order. */
  early(): LogRecord[] {
    return this.#early.flatMap((records) => records === undefined ? [] : [...records.values()].sort((a, b) => a.key - b.key));
  }

  /** Whether the record at a place is to be restored. */
  counts({ part, key, gone }: LogRecord, place: number): boolean {
    const places = this.#places[part];
    return places === undefined ? this.#early[part] === undefined : places[key] === place && !gone;
  }

  #grow(part: number, places: Uint32Array, key: number): Uint32Array {
    const grown = this.#places[part] = new Uint32Array(Math.max(key + 1, 2 * places.length));
    grown.set(places);
    return grown;
  }
}
