/**
 * What an inspection found, as data: the same that `--json` prints.
 *
 * @module
 */
import type { AgentTrace } from "../../core/memory/black_box.ts";
import type { RegionUse } from "../../core/memory/inspection.ts";
import type { ImageCheck } from "../../core/memory/store_image.ts";

/** One thread as its control words say. */
export interface HostRow {
  readonly host: number;
  readonly state: string;
  /** Turns of its loop. */
  readonly beat: number;
  readonly isAsleep: boolean;
  readonly agents: number;
  /** The agent whose function ran; 0 for none. */
  readonly running: number;
}

/** One agent, of those that live or of those that were the last in their slot. */
export interface AgentRow extends AgentTrace {
  readonly id: number;
  readonly state: string;
  readonly host: number;
  readonly isFull: boolean;
}

/** One named queue. */
export interface QueueRow {
  readonly name: string;
  readonly state: string;
  readonly capacity: number;
  /** Waiting messages, lowest priority first. */
  readonly waiting: readonly number[];
}

/** The store. */
export interface StoreReport {
  readonly changes: number;
  readonly lockHolder: number | null;
  readonly isWhole: boolean;
  readonly changing: number | "all" | null;
  readonly namespaces: readonly { readonly namespace: string; readonly entries: number; readonly bytes: number }[];
  readonly check: ImageCheck;
}

/** A mapped file. */
export interface MappedReport {
  readonly mode: "mapped";
  readonly path: string;
  readonly bytes: number;
  /** Bytes that the file should have and has not. */
  readonly bytesMissing: number;
  readonly layoutVersion: number;
  readonly createdAt: string;
  readonly pid: number;
  /** `closed`: shut down in order; `in use`: a process has it; `left`: its process ended without a word; `filling`: a start that did not end. */
  readonly state: string;
  readonly headerCopiesDamaged: number;
  readonly regions: readonly RegionUse[];
  readonly hosts: readonly HostRow[];
  readonly agents: readonly AgentRow[];
  readonly queues: readonly QueueRow[];
  readonly store: StoreReport;
}

/** A portable file: a log of flushes. */
export interface PortableReport {
  readonly mode: "portable";
  readonly path: string;
  readonly bytes: number;
  /** `in use`, or `left or closed`: a log does not tell them apart. */
  readonly state: string;
  readonly headerDamaged: boolean;
  /** Flushes that count, and the number of the last one. */
  readonly batches: number;
  readonly sequence: number;
  /** The unfinished end. */
  readonly cut: { readonly bytes: number; readonly records: number; readonly why: string } | null;
  readonly lost: { readonly places: number; readonly records: number; readonly sequences: readonly number[] };
  /** By kind, as they stand in the file: older ones of the same key included. */
  readonly records: Readonly<Record<string, number>>;
  /** What a start would find. */
  readonly namespaces: readonly { readonly namespace: string; readonly entries: number; readonly bytes: number }[];
  readonly queues: readonly { readonly name: string; readonly capacity: number; readonly messages: number }[];
  readonly agents: readonly { readonly id: number; readonly type: string; readonly snapshotBytes: number }[];
}
