/**
 * Which groups of a journal must stay: those with lines of executions that have not ended. The others give way, the oldest first, beyond a bound of bytes.
 *
 * @module
 */
import type { JournalKind } from "./journal.ts";

/** Lines that were written together. */
interface Group {
  number: number;
  bytes: number;
  /** Executions in it that have not ended. */
  holders: number;
}

/** Groups, and who holds them. */
export class Retention {
  /** By the execution that holds all others; in the order of the groups. */
  readonly #live = new Map<string, Group[]>();
  /** Oldest first. */
  readonly #groups = new Set<Group>();
  /** The one that lines are added to. */
  #open: Group = { number: 0, bytes: 0, holders: 0 };
  #total = 0;

  /** Keeps so many bytes of ended executions. */
  constructor(private readonly bytesMax: number) {}

  /** A line goes into the open group. */
  add(executionId: string, kind: JournalKind): void {
    const root = rootOf(executionId);
    let groups = this.#live.get(root);
    if (groups === undefined) this.#live.set(root, groups = []);
    if (groups[groups.length - 1] !== this.#open) {
      groups.push(this.#open);
      this.#open.holders++;
    }
    if (kind !== "ended" || root !== executionId) return;
    this.#live.delete(root);
    for (const group of groups) group.holders--;
  }

  /** The open group was written. */
  close(number: number, bytes: number): void {
    this.#open.number = number;
    this.#open.bytes = bytes;
    this.#total += bytes;
    this.#groups.add(this.#open);
    this.#open = { number: 0, bytes: 0, holders: 0 };
  }

  /** Whether an execution has not ended. */
  isLive(executionId: string): boolean {
    return this.#live.has(rootOf(executionId));
  }

  /** The oldest groups beyond the bound that nobody needs any more. */
  expired(): number[] {
    const found: number[] = [];
    if (this.#total <= this.bytesMax) return found;
    for (const group of this.#groups) {
      if (this.#total <= this.bytesMax) break;
      if (group.holders > 0) continue;
      found.push(group.number);
      this.#groups.delete(group);
      this.#total -= group.bytes;
    }
    return found;
  }
}

/** Sub-workflows carry the id of the execution that holds them before the first slash. */
function rootOf(executionId: string): string {
  const slash = executionId.indexOf("/");
  return slash < 0 ? executionId : executionId.slice(0, slash);
}
