/**
 * The journal in a file of SQLite. Lines are not rows: all lines of one turn of the event loop go into one row and one commit (group commit), so that five
 * hundred executions share one wait for the disk. What is committed has reached the disk (`synchronous = FULL`).
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { KernelError } from "../base/errors.ts";
import { JOURNAL_BYTES_KEPT, JOURNAL_GROUP_BYTES_MAX } from "../base/limits.ts";
import type { Journal, JournalEntry } from "./journal.ts";
import { LineWriter, readLines } from "./journal_lines.ts";
import { Retention } from "./journal_retention.ts";
import type { StartNote } from "./replay.ts";
import type { WorkflowDefinition } from "./workflow.ts";

/** Of the lines; kept as the file's `user_version`. */
const FORMAT = 1;
/** Exclusive: two engines that go on with the same executions would do everything twice. The lock ends with its process. */
const SCHEMA = `
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS sessions (number INTEGER PRIMARY KEY AUTOINCREMENT);
  CREATE TABLE IF NOT EXISTS definitions (key INTEGER PRIMARY KEY, text TEXT UNIQUE);
  CREATE TABLE IF NOT EXISTS groups (number INTEGER PRIMARY KEY AUTOINCREMENT, lines BLOB NOT NULL);
`;

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
  readonly #lines = new LineWriter(1 << 18);
  #waiting: ((error?: unknown) => void)[] = [];
  #scheduled = false;
  #broken: unknown = undefined;
  #closed = false;

  /** Opens or creates it. `bytesKept` bounds what is kept of ended executions. Throws `JOURNAL_UNUSABLE`. */
  constructor(path: string, { bytesKept = JOURNAL_BYTES_KEPT }: { bytesKept?: number } = {}) {
    try {
      this.#database = new DatabaseSync(path);
      this.#database.exec(SCHEMA);
      this.#checkFormat();
      this.#insert = this.#database.prepare("INSERT INTO groups (lines) VALUES (?)");
      this.#delete = this.#database.prepare("DELETE FROM groups WHERE number = ?");
      this.session = Number(this.#database.prepare("INSERT INTO sessions DEFAULT VALUES").run().lastInsertRowid);
    } catch (cause) {
      const message = /locked/.test(String(cause))
        ? `journal ${path} is in use by another engine or program. Give each engine a file of its own, or end the other first.`
        : /format/.test(String(cause))
        ? `journal ${path} was written by another version: ${(cause as Error).message}. Go on with that one, or give a new file.`
        : `journal ${path} cannot be opened. Give a file of SQLite, and --allow-read and --allow-write for its folder.`;
      throw new KernelError("JOURNAL_UNUSABLE", message, { path }, { cause });
    }
    this.#retention = new Retention(bytesKept);
    const found = new Map<string, JournalEntry[]>();
    for (const { number, lines, bytes } of this.#groups()) {
      for (const line of lines) {
        this.#retention.add(line.executionId, line.kind);
        const entries = found.get(line.executionId);
        if (entries === undefined) found.set(line.executionId, [line]);
        else entries.push(line);
      }
      this.#retention.close(number, bytes);
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

  append(entry: JournalEntry): void {
    if (this.#broken !== undefined || this.#closed) return;
    while (!this.#lines.add(entry)) {
      if (this.#lines.length === 0 || this.#lines.size < JOURNAL_GROUP_BYTES_MAX) this.#lines.grow();
      else this.#write();
      if (this.#broken !== undefined) return;
    }
    this.#retention.add(entry.executionId, entry.kind);
    this.#schedule();
  }

  whenDurable(callback: (error?: unknown) => void): void {
    this.#waiting.push(callback);
    this.#schedule();
  }

  read(executionId: string): JournalEntry[] {
    this.#flush();
    return this.#groups().flatMap(({ lines }) => lines.filter((line) => line.executionId === executionId));
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
    const waiting = this.#waiting;
    this.#waiting = [];
    if (this.#lines.length > 0 && this.#broken === undefined) this.#write();
    for (const callback of waiting) callback(this.#broken);
  }

  #checkFormat(): void {
    const format = this.#database.prepare("PRAGMA user_version").get()?.user_version;
    if (format === FORMAT) return;
    if (this.#database.prepare("SELECT number FROM groups LIMIT 1").get() !== undefined) {
      throw new Error(`its lines are of format ${format}, and this version reads ${FORMAT}`);
    }
    this.#database.exec(`PRAGMA user_version = ${FORMAT}`);
  }

  #write(): void {
    try {
      const { bytes } = this.#lines;
      const expired = this.#retention.expired();
      if (expired.length > 0) this.#database.exec("BEGIN");
      for (const group of expired) this.#delete.run(group);
      const number = Number(this.#insert.run(bytes).lastInsertRowid);
      if (expired.length > 0) this.#database.exec("COMMIT");
      this.#retention.close(number, bytes.length);
      this.#lines.clear();
    } catch (cause) {
      // What is not written must not be taken for written: from here on nothing is.
      const message = "the journal cannot be written: executions stop here, and go on from what was written when an engine resumes it.";
      this.#broken = new KernelError("JOURNAL_BROKEN", message, {}, { cause });
    }
  }

  #groups(): { number: number; lines: JournalEntry[]; bytes: number }[] {
    return this.#database.prepare("SELECT number, lines FROM groups ORDER BY number").all().map(({ number, lines }) => {
      const bytes = lines as Uint8Array;
      return { number: Number(number), lines: readLines(bytes), bytes: bytes.length };
    });
  }
}

/** How deep a definition may nest to be kept: JSON calls itself for each level. */
const JSON_DEPTH_MAX = 256;
/** How many values it may hold: what it refers to many times over counts as often, for JSON writes it as often. */
const JSON_VALUES_MAX = 1_000_000;

/** Whether JSON gives back the same: no functions, dates, maps, circles, lists with holes. */
function isJson(value: unknown, room = { values: JSON_VALUES_MAX }, depth = 0): boolean {
  if (--room.values < 0) return false;
  if (typeof value === "number") return Number.isFinite(value);
  if (typeof value !== "object" || value === null) return value === null || typeof value === "string" || typeof value === "boolean";
  if (depth > JSON_DEPTH_MAX) return false; // also what a circle comes to
  if (Array.isArray(value)) return Object.keys(value).length === value.length && value.every((part) => isJson(part, room, depth + 1));
  const proto = Object.getPrototypeOf(value);
  return (proto === Object.prototype || proto === null) &&
    Object.values(value).every((part) => part === undefined || isJson(part, room, depth + 1));
}
