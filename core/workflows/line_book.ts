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
  #values: unknown[] = [];
  /** Lines that have given way. */
  #gone = 0;

  /** Lines so far, also those that have given way. */
  get count(): number {
    return this.#gone + this.#values.length / WIDTH;
  }

  /** Adds a line. Beyond the bound the older half gives way. */
  add(at: number, kind: JournalKind, stepId: string | undefined, data: unknown): void {
    this.#values.push(at, kind, stepId, data);
    if (this.#values.length <= EXECUTION_HISTORY_MAX * WIDTH) return;
    const dropped = EXECUTION_HISTORY_MAX >> 1;
    this.#values = this.#values.slice(dropped * WIDTH);
    this.#gone += dropped;
  }

  /** The lines, oldest first. */
  entries(executionId: string): JournalEntry[] {
    const values = this.#values;
    return Array.from({ length: values.length / WIDTH }, (_, line) => ({
      executionId,
      sequence: this.#gone + line,
      at: values[line * WIDTH] as number,
      kind: values[line * WIDTH + 1] as JournalKind,
      stepId: values[line * WIDTH + 2] as string | undefined,
      data: values[line * WIDTH + 3],
    }));
  }
}
