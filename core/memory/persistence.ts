/**
 * The seam between the kernel and whatever keeps its state on disk: `portable` (a log of changes) or `mapped` (a file under the arena).
 *
 * @module
 */

/** How the state is kept. */
export type PersistenceMode = "portable" | "mapped";

/** What became of one agent that was alive when the state was kept last. */
export interface AgentRecovery {
  /** Its id: the same as before. */
  readonly agentId: number;
  /** Its type. */
  readonly type: string;
  /** `restored` with its last snapshot; `fresh`: made again, it had none; `lost`: see `why`. */
  readonly outcome: "restored" | "fresh" | "lost";
  /** Why it could not be made again. */
  readonly why?: string;
}

/** What `initialize()` found in the file, what it had to cut off, and what is lost. */
export interface RecoveryReport {
  /** How the state is kept. */
  readonly mode: PersistenceMode;
  /** The file. */
  readonly path: string;
  /** Whether there was a state to recover. */
  readonly found: boolean;
  /** What makes a flush durable: the call that it waits for. */
  readonly sync: "fdatasync" | "msync";
  /** Bytes of the file as it was found. */
  readonly bytes: number;
  /** What is there again. */
  readonly recovered: {
    /** Keys of the store. */
    readonly entries: number;
    /** Durable queues. */
    readonly queues: number;
    /** Messages in them. */
    readonly messages: number;
    /** Agents, with or without their snapshots. */
    readonly agents: number;
  };
  /** The unfinished end of the file, written by a flush that nobody was told of; null when there was none. */
  readonly cut: { readonly bytes: number; readonly records: number; readonly why: string } | null;
  /** Damage: what was flushed once and is not readable any more. All zero when there is none. */
  readonly lost: {
    /** Damaged places of the file. */
    readonly places: number;
    /** Changes that stood there; of those in places whose length is unknown too, only the places are counted. */
    readonly records: number;
    /** Numbers of the flushes that they belonged to, the first few. */
    readonly sequences: readonly number[];
    /** Keys, messages and agents that were read and found no room in this kernel, or no longer fit. */
    readonly refused: number;
  };
  /** Agent by agent, the first few thousand: lost ones first. */
  readonly agents: readonly AgentRecovery[];
  /** Anything else to know, in sentences. */
  readonly notes: readonly string[];
  /** From opening the file to everything being in its place, but for the agents' own starts. */
  readonly durationMs: number;
}

/** How the keeping fares. */
export interface PersistenceStatus {
  /** How the state is kept. */
  readonly mode: PersistenceMode;
  /** The file. */
  readonly path: string;
  /** Why the last flush failed; null when it did not. The kernel goes on in memory meanwhile, and tries again at each interval. */
  readonly failure: string | null;
  /** Flushes that reached the disk. */
  readonly flushes: number;
  /** Bytes of the file now. */
  readonly bytes: number;
}

/** The kernel's state on disk, from its recovery to its end. */
export interface Persistence {
  /** What was found. */
  readonly recovery: RecoveryReport;
  /** How it fares. */
  readonly status: PersistenceStatus;
  /** Threads run: makes the agents again, then begins to keep the state by itself, every `intervalMs`. */
  start(): Promise<void>;
  /**
   * Resolves when everything that was set, published or consumed before the call survives a kill and a loss of power. Rejects with a `PERSISTENCE_…` error
   * when that cannot be promised; nothing is lost in memory then, and the next flush tries again.
   */
  flush(): Promise<void>;
  /** The kernel is about to stop: agents that live now are kept as living, whatever ends from here on. */
  freeze(): void;
  /** Flushes a last time, unless it never started, and gives the file and its lock back. Rejects as `flush` does, the file is given back all the same. */
  close(): Promise<void>;
}
