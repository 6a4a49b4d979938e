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
  const scan: LogScan = { end, bytes: 0, batches: 0, sequence: 0, headerDamaged: false, cut: null, lost };
  return { salt, end, sequence: 0, scan, refused: 0, notes: [], durationMs: 0 };
}

/** Gives the parts back what the log has. */
export async function recoverLog(reader: LogReader, parts: readonly LogPart[]): Promise<LogRecovery> {
  const scan = await reader.scan();
  const latest = new Latest(parts.flatMap(({ keyed }) => keyed));
  const takers = new Map<number, LogPart>();
  for (const part of parts) for (const number of [...part.early, ...part.keyed, ...part.listed]) takers.set(number, part);
  const early = new Map(parts.flatMap((part) => part.early.map((number) => [number, new Map<number, LogRecord>()])));
  let place = 0;
  await reader.replay((record) => {
    latest.note(record.part, record.key, ++place);
    const seen = early.get(record.part);
    if (seen !== undefined && !seen.has(record.key)) seen.set(record.key, copyOf(record));
  });
  let [refused, unknown] = [0, 0];
  for (const part of parts) part.beginRestore();
  for (const [number, seen] of early) {
    for (const record of [...seen.values()].sort((a, b) => a.key - b.key)) if (!takers.get(number)!.restore(record)) refused++;
  }
  place = 0;
  await reader.replay((record) => {
    place++;
    const taker = takers.get(record.part);
    if (taker === undefined) unknown++;
    else if (early.has(record.part) || latest.isOld(record.part, record.key, place) || (record.gone && latest.counts(record.part))) return;
    else if (!taker.restore(record)) refused++;
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

/** The place of the last record of each key. */
class Latest {
  readonly #places: (Uint32Array | undefined)[] = [];

  constructor(parts: readonly number[]) {
    for (const part of parts) this.#places[part] = new Uint32Array(1024);
  }

  counts(part: number): boolean {
    return this.#places[part] !== undefined;
  }

  note(part: number, key: number, place: number): void {
    let places = this.#places[part];
    // A key beyond any store's entries is a writer's mistake: it stays "not the last" and is refused.
    if (places === undefined || key >= LOG_KEYS_MAX) return;
    if (key >= places.length) {
      this.#places[part] = new Uint32Array(Math.max(key + 1, 2 * places.length));
      this.#places[part]!.set(places);
      places = this.#places[part]!;
    }
    places[key] = place;
  }

  isOld(part: number, key: number, place: number): boolean {
    const places = this.#places[part];
    return places !== undefined && places[key] !== place;
  }
}
