/**
 * The store, as an agent that is apart has it.
 *
 * @module
 */
import type { AgentStore, ScanOptions, ScanPage, StoreCell, StoreEntry } from "../agents/agent.ts";
import { IsolationUnavailableError } from "../agents/isolation.ts";
import { freezePlain } from "../memory/read_only.ts";
import type { FarLine } from "./far_line.ts";

/** The store over the line: each call waits for its answer. What is read is read-only, as everywhere. */
export class FarStore implements AgentStore {
  /** Asks over `line`; `plan` says for whom. */
  constructor(private readonly line: FarLine, private readonly grade: string) {}

  get(namespace: string, key: string): unknown {
    return frozen(this.line.callNow(0, "store.get", [namespace, key]));
  }

  set(namespace: string, key: string, value: unknown): boolean {
    return this.line.callNow(0, "store.set", [namespace, key, value]) as boolean;
  }

  setBatch(namespace: string, entries: { key: string; value: unknown }[]): boolean[] {
    return this.line.callNow(0, "store.setBatch", [namespace, entries]) as boolean[];
  }

  delete(namespace: string, key: string): boolean {
    return this.line.callNow(0, "store.delete", [namespace, key]) as boolean;
  }

  has(namespace: string, key: string): boolean {
    return this.line.callNow(0, "store.has", [namespace, key]) as boolean;
  }

  getEntry(namespace: string, key: string): StoreEntry | undefined {
    return frozen(this.line.callNow(0, "store.getEntry", [namespace, key])) as StoreEntry | undefined;
  }

  getBatch(namespace: string, keys: readonly string[]): unknown[] {
    return (this.line.callNow(0, "store.getBatch", [namespace, keys]) as unknown[]).map(frozen);
  }

  compareAndSet(namespace: string, key: string, expectedVersion: number, value: unknown): boolean {
    return this.line.callNow(0, "store.compareAndSet", [namespace, key, expectedVersion, value]) as boolean;
  }

  scan(namespace: string, options?: ScanOptions): ScanPage {
    return this.line.callNow(0, "store.scan", [namespace, options]) as ScanPage;
  }

  flush(): Promise<void> {
    return this.line.call(0, "store.flush", []) as Promise<void>;
  }

  /** A cell reads shared memory, which is not here. */
  cell(): StoreCell {
    throw new IsolationUnavailableError(this.grade, "ctx.store.cell reads memory that is not shared with this agent; use ctx.store.get.");
  }
}

function frozen(value: unknown): unknown {
  freezePlain(value);
  return value;
}
