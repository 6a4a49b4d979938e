/**
 * The journal in a file of SQLite. Lines are not rows: all lines of one turn of the event loop go into one row and one commit (group commit), so that five
 * hundred executions share one wait for the disk. What is committed has reached the disk (`synchronous = FULL`).
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { describe, isKernelError, KernelError } from "../base/errors.ts";
import { JOURNAL_BYTES_KEPT, JOURNAL_GROUP_BYTES_MAX, JOURNAL_VALUE_BYTES_MAX } from "../base/limits.ts";
import { plainCodec, toBytes } from "../bus/codec.ts";
import { privateWindow } from "../memory/shared_memory.ts";
import type { Journal, JournalEntry, JournalKind } from "./journal.ts";
import type { StartNote } from "./replay.ts";
import type { WorkflowDefinition } from "./workflow.ts";

/** A line as it is kept; the last says whether the data is bytes of the codec. */
type Line = [
  executionId: string,
  sequence: number,
  at: number,
  kind: JournalKind,
  stepId: string | undefined,
  data: unknown,
  encoded: boolean,
];

/** Exclusive: two engines that go on with the same executions would do everything twice. The lock ends with its process. */
const SCHEMA = `
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS sessions (number INTEGER PRIMARY KEY AUTOINCREMENT);
  CREATE TABLE IF NOT EXISTS definitions (key INTEGER PRIMARY KEY, text TEXT UNIQUE);
  CREATE TABLE IF NOT EXISTS groups (number INTEGER PRIMARY KEY AUTOINCREMENT, lines BLOB NOT NULL);
`;

/** Groups that must stay, and those that may go. */
class Retention {
  /** Groups by execution that has not ended. */
  readonly #live = new Map<string, Set<number>>();
  /** Executions that have not ended, by group. */
  readonly #holders = new Map<number, number>();
  /** Bytes by group, oldest first. */
  readonly #bytes = new Map<number, number>();
  #total = 0;

  constructor(private readonly bytesMax: number) {}

  add(group: number, bytes: number, lines: readonly Line[]): void {
    this.#bytes.set(group, bytes);
    this.#total += bytes;
    for (const [executionId, , , kind] of lines) {
      const root = rootOf(executionId);
      const groups = this.#live.get(root) ?? new Set();
      if (groups.size === 0) this.#live.set(root, groups);
      if (!groups.has(group)) {
        groups.add(group);
        this.#holders.set(group, (this.#holders.get(group) ?? 0) + 1);
      }
      if (kind === "ended" && root === executionId) this.#release(root, groups);
    }
  }

  #release(root: string, groups: ReadonlySet<number>): void {
    this.#live.delete(root);
    for (const group of groups) {
      const left = this.#holders.get(group)! - 1;
      if (left === 0) this.#holders.delete(group);
      else this.#holders.set(group, left);
    }
  }

  /** Whether an execution has not ended. */
  isLive(executionId: string): boolean {
    return this.#live.has(rootOf(executionId));
  }

  /** The oldest groups beyond the bound that nobody needs any more. */
  expired(): number[] {
    const found: number[] = [];
    for (const [group, bytes] of this.#bytes) {
      if (this.#total <= this.bytesMax) break;
      if (this.#holders.has(group)) continue;
      found.push(group);
      this.#bytes.delete(group);
      this.#total -= bytes;
    }
    return found;
  }
}

/**
 * A journal in a file, or in memory (`":memory:"`). Needs the permission to read and write the file.
 *
 * @example
 * ```ts ignore
 * import { FileJournal, OrchestrationEngine } from "@stage3/kernel";
 * const engine = new OrchestrationEngine({ journal: new FileJournal("workflows.sqlite") });
 * engine.action("reserve", reserve, { compensate: release }); // the same actions as before
 * const { resumed } = await engine.resume(); // what a killed process left unfinished goes on
 * ```
 */
export class FileJournal implements Journal {
  /** Counts the uses of the file. */
  readonly session: number;
  readonly #database: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #delete: StatementSync;
  readonly #retention: Retention;
  readonly #keys = new WeakMap<WorkflowDefinition, number>();
  readonly #unfinished: Map<string, JournalEntry[]>;
  #window = privateWindow(1 << 18);
  #lines: Line[] = [];
  #waiting: ((error?: unknown) => void)[] = [];
  #scheduled = false;
  #broken: unknown = undefined;
  #closed = false;

  /** Opens or creates it. `bytesKept` bounds what is kept of ended executions. Throws `JOURNAL_UNUSABLE`. */
  constructor(path: string, { bytesKept = JOURNAL_BYTES_KEPT }: { bytesKept?: number } = {}) {
    try {
      this.#database = new DatabaseSync(path);
      this.#database.exec(SCHEMA);
      this.#insert = this.#database.prepare("INSERT INTO groups (lines) VALUES (?)");
      this.#delete = this.#database.prepare("DELETE FROM groups WHERE number = ?");
      this.session = Number(this.#database.prepare("INSERT INTO sessions DEFAULT VALUES").run().lastInsertRowid);
    } catch (cause) {
      const message = /locked/.test(String(cause))
        ? `journal ${path} is in use by another engine or program. Give each engine a file of its own, or end the other first.`
        : `journal ${path} cannot be opened. Give a file of SQLite, and --allow-read and --allow-write for its folder.`;
      throw new KernelError("JOURNAL_UNUSABLE", message, { path }, { cause });
    }
    this.#retention = new Retention(bytesKept);
    const found = new Map<string, JournalEntry[]>();
    for (const { number, lines, bytes } of this.#groups()) {
      this.#retention.add(number, bytes, lines);
      for (const line of lines) {
        const entries = found.get(line[0]);
        if (entries === undefined) found.set(line[0], [entryOf(line)]);
        else entries.push(entryOf(line));
      }
      for (const id of found.keys()) if (!this.#retention.isLive(id)) found.delete(id);
    }
    this.#unfinished = found;
    this.#forgetDefinitions();
  }

  /** Those of ended executions are not needed any more. */
  #forgetDefinitions(): void {
    const used = new Set([...this.#unfinished.values()].map(([{ data }]) => (data as StartNote | undefined)?.definitionKey));
    this.#database.exec("BEGIN");
    for (const { key } of this.#database.prepare("SELECT key FROM definitions").all()) {
      if (!used.has(Number(key))) this.#database.prepare("DELETE FROM definitions WHERE key = ?").run(key);
    }
    this.#database.exec("COMMIT");
  }

  /** Kept by its text; one that JSON would not give back has none. */
  define(definition: WorkflowDefinition): number {
    const known = this.#keys.get(definition);
    if (known !== undefined) return known;
    if (!isJson(definition)) return 0;
    const text = JSON.stringify(definition);
    const same = this.#database.prepare("SELECT key FROM definitions WHERE text = ?").get(text);
    const key = Number(same?.key ?? this.#database.prepare("INSERT INTO definitions (text) VALUES (?)").run(text).lastInsertRowid);
    this.#keys.set(definition, key);
    return key;
  }

  definition(key: number): WorkflowDefinition | undefined {
    const text = this.#database.prepare("SELECT text FROM definitions WHERE key = ?").get(key)?.text;
    return typeof text === "string" ? JSON.parse(text) as WorkflowDefinition : undefined;
  }

  append({ executionId, sequence, at, kind, stepId, data }: JournalEntry): void {
    if (this.#broken !== undefined || this.#closed) return;
    const encoded = (typeof data === "object" && data !== null) || (typeof data === "string" && data.length > PLAIN_CHARS_MAX);
    this.#lines.push([executionId, sequence, at, kind, stepId, encoded ? bytesOf(kind, data) : plainOf(data), encoded]);
    this.#schedule();
  }

  whenDurable(callback: (error?: unknown) => void): void {
    this.#waiting.push(callback);
    this.#schedule();
  }

  read(executionId: string): JournalEntry[] {
    this.#flush();
    return this.#groups().flatMap(({ lines }) => lines.filter(([id]) => id === executionId)).map(entryOf);
  }

  unfinished(): Map<string, JournalEntry[]> {
    return this.#unfinished;
  }

  close(): void {
    if (this.#closed) return;
    this.#flush();
    this.#closed = true;
    this.#database.close();
  }

  #schedule(): void {
    if (this.#scheduled || this.#closed) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#closed) return;
    const [lines, waiting] = [this.#lines, this.#waiting];
    [this.#lines, this.#waiting] = [[], []];
    if (lines.length > 0 && this.#broken === undefined) this.#write(lines);
    for (const callback of waiting) callback(this.#broken);
  }

  #write(lines: readonly Line[]): void {
    try {
      const parts = partsOf(lines);
      const expired = this.#retention.expired();
      const isMore = parts.length + expired.length > 1;
      if (isMore) this.#database.exec("BEGIN");
      for (const group of expired) this.#delete.run(group);
      const added = parts.map((part) => {
        const bytes = this.#encode(part);
        return { number: Number(this.#insert.run(bytes).lastInsertRowid), size: bytes.length, part };
      });
      if (isMore) this.#database.exec("COMMIT");
      for (const { number, size, part } of added) this.#retention.add(number, size, part);
    } catch (cause) {
      // What is not written must not be taken for written: from here on nothing is.
      const message = "the journal cannot be written: executions stop here, and go on from what was written when an engine resumes it.";
      this.#broken = new KernelError("JOURNAL_BROKEN", message, {}, { cause });
    }
  }

  #encode(lines: readonly Line[]): Uint8Array {
    for (;;) {
      const size = this.#window.bytes.length;
      const end = plainCodec.encode(lines, this.#window, 0, size);
      if (end >= 0) return this.#window.bytes.subarray(0, end);
      if (size >= JOURNAL_GROUP_BYTES_MAX) return toBytes(lines, 4 * JOURNAL_GROUP_BYTES_MAX);
      this.#window = privateWindow(4 * size);
    }
  }

  #groups(): { number: number; lines: Line[]; bytes: number }[] {
    return this.#database.prepare("SELECT number, lines FROM groups ORDER BY number").all().map(({ number, lines }) => {
      const bytes = lines as Uint8Array;
      return { number: Number(number), lines: decode(bytes) as Line[], bytes: bytes.length };
    });
  }
}

/** Texts up to here stand in their line as they are. */
const PLAIN_CHARS_MAX = 1_024;
/** Of an error that is told in words. */
const ERROR_CHARS_MAX = 4_096;
const FAILURES: ReadonlySet<JournalKind> = new Set(["step-failed", "failed", "cancelled", "undo-failed"]);

/** What cannot be copied is an error of the step that returned it, not of the journal; an error that cannot be is told in words. */
function bytesOf(kind: JournalKind, data: unknown): Uint8Array {
  try {
    return toBytes(data, JOURNAL_VALUE_BYTES_MAX);
  } catch (error) {
    if (!FAILURES.has(kind)) throw error;
    const { error: thrown, ...rest } = data as { error?: unknown };
    return toBytes({ ...rest, error: inWords(thrown) }, JOURNAL_VALUE_BYTES_MAX);
  }
}

function inWords(thrown: unknown): KernelError {
  if (!(thrown instanceof Error)) return new KernelError("STEP_FAILED", `it threw ${describe(thrown)}`);
  const message = String(thrown.message).slice(0, ERROR_CHARS_MAX);
  return new KernelError(isKernelError(thrown) ? thrown.code : "STEP_FAILED", message, {}, {
    name: String(thrown.name).slice(0, ERROR_CHARS_MAX),
  });
}

/** Lines that may stand in one row: many large values in one turn are more than one takes. */
function partsOf(lines: readonly Line[]): (readonly Line[])[] {
  const parts: (readonly Line[])[] = [];
  let [begin, size] = [0, 0];
  for (let at = 0; at < lines.length; at++) {
    const data = lines[at][5];
    const own = data instanceof Uint8Array ? data.length : 0;
    if (size + own > JOURNAL_GROUP_BYTES_MAX / 2 && at > begin) {
      parts.push(lines.slice(begin, at));
      [begin, size] = [at, 0];
    }
    size += own;
  }
  parts.push(begin === 0 ? lines : lines.slice(begin));
  return parts;
}

function plainOf(data: unknown): unknown {
  if (typeof data === "function" || typeof data === "symbol") toBytes(data, JOURNAL_VALUE_BYTES_MAX); // throws, and says why
  return data;
}

function decode(bytes: Uint8Array): unknown {
  const window = privateWindow((bytes.length + 7) & ~7);
  window.bytes.set(bytes);
  return plainCodec.decode(window, 0, bytes.length);
}

function entryOf([executionId, sequence, at, kind, stepId, data, encoded]: Line): JournalEntry {
  return { executionId, sequence, at, kind, stepId, data: encoded ? decode(data as Uint8Array) : data };
}

/** The execution that holds all others: sub-workflows carry its id before the first slash. */
function rootOf(executionId: string): string {
  const slash = executionId.indexOf("/");
  return slash < 0 ? executionId : executionId.slice(0, slash);
}

/** How deep a definition may nest to be kept: JSON calls itself for each level. */
const JSON_DEPTH_MAX = 256;

/** Whether JSON gives back the same: no functions, dates, maps, circles, lists with holes. */
function isJson(value: unknown, depth = 0): boolean {
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || value === null) return value === null || typeof value === "string" || typeof value === "boolean";
  if (depth > JSON_DEPTH_MAX) return false; // also what a circle comes to
  if (Array.isArray(value)) return Object.keys(value).length === value.length && value.every((part) => isJson(part, depth + 1));
  const proto = Object.getPrototypeOf(value);
  return (proto === Object.prototype || proto === null) &&
    Object.values(value).every((part) => part === undefined || isJson(part, depth + 1));
}
