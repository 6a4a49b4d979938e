/**
 * The lines of one execution in memory. Kept flat, four values a line: an object a line would cost as much as the step that it tells of.
 *
 * @module
 */
import { EXECUTION_HISTORY_MAX } from "../base/limits.ts";
import type { JournalEntry, JournalKind } from "./journal.ts";

const WIDTH = 4;

/** The last lines of an execution. */
export class LineBook {
  #values: unknown[];
  /** Values that stand there. */
  #length = 0;
  /** Lines that have given way. */
  #gone = 0;

  /** Makes room for so many lines at once: growing a list in steps costs twice its size. */
  constructor(expected: number) {
    this.#values = new Array(WIDTH * Math.min(expected, EXECUTION_HISTORY_MAX));
  }

  /** Adds a line. Beyond the bound the older half gives way. */
  add(at: number, kind: JournalKind, stepId: string | undefined, data: unknown): void {
    const values = this.#values;
    const place = this.#length;
    values[place] = at;
    values[place + 1] = kind;
    values[place + 2] = stepId;
    values[place + 3] = data;
    this.#length = place + WIDTH;
    if (this.#length <= EXECUTION_HISTORY_MAX * WIDTH) return;
    const dropped = EXECUTION_HISTORY_MAX >> 1;
    this.#values = values.slice(dropped * WIDTH);
    this.#length -= dropped * WIDTH;
    this.#gone += dropped;
  }

  /** Makes room for so many more lines. */
  reserve(lines: number): void {
    this.#values.length = Math.max(this.#values.length, Math.min(this.#length + WIDTH * lines, WIDTH * EXECUTION_HISTORY_MAX));
  }

  /** The lines, oldest first. */
  entries(executionId: string): JournalEntry[] {
    const values = this.#values;
    return Array.from({ length: this.#length / WIDTH }, (_, line) => ({
      executionId,
      sequence: this.#gone + line,
      at: values[line * WIDTH] as number,
      kind: values[line * WIDTH + 1] as JournalKind,
      stepId: values[line * WIDTH + 2] as string | undefined,
      data: values[line * WIDTH + 3],
    }));
  }
}
