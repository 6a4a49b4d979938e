/**
 * The executions of one engine by id: those that live, and the last that have ended.
 *
 * @module
 */
import type { Run } from "./run.ts";
import type { WorkflowExecution } from "./workflow_execution.ts";

interface Entry {
  readonly run: Run;
  readonly execution: WorkflowExecution;
}

/** Executions by id. One map for all: each change of a map costs as much as a tenth of a step. */
export class Shelf {
  readonly #entries = new Map<string, Entry>();
  /** Ids of the ended, a ring. */
  readonly #ended: string[] = [];
  #endedCount = 0;
  /** Those that have not ended. */
  livingCount = 0;

  /** Keeps so many ended ones. */
  constructor(private readonly keptMax: number) {}

  /** Adds a living one. */
  add(run: Run, execution: WorkflowExecution): void {
    this.#entries.set(run.id, { run, execution });
    this.livingCount++;
  }

  /** It has ended; the one that ended longest ago gives way. */
  end(id: string): void {
    this.livingCount--;
    if (this.keptMax === 0) return void this.#entries.delete(id);
    const place = this.#endedCount++ % this.keptMax;
    if (this.#endedCount > this.keptMax) this.#entries.delete(this.#ended[place]);
    this.#ended[place] = id;
  }

  /** A living one, or one of the last ended. */
  get(id: string): WorkflowExecution | undefined {
    return this.#entries.get(id)?.execution;
  }

  /** All that have not ended. */
  runs(): Run[] {
    return [...this.#entries.values()].map(({ run }) => run).filter(({ over }) => !over);
  }

  /** The same, as they are seen outside. */
  living(): WorkflowExecution[] {
    return [...this.#entries.values()].filter(({ run }) => !run.over).map(({ execution }) => execution);
  }
}
