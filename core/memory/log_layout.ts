/**
 * The table of a log file's bytes. All numbers are little-endian; everything begins at a multiple of 64 bytes, so that a reader that has lost its place
 * finds the next block by stepping.
 *
 * ```
 * file    header │ batch │ batch …
 * batch   block │ block … │ commit            one flush; it counts as a whole, by its commit
 * block   head 64 B │ records, padded to 64
 * record  head 24 B │ content, padded to 8
 * ```
 * Of the same part and key the last record counts. A block's head has a checksum of its own, so damage in the records does not hide where the next
 * block begins. Every head carries the file's salt: bytes that a user stored and that look like a head are no head.
 *
 * @module
 */

/** Everything in the file begins at a multiple of this. */
export const LOG_ALIGN_BYTES = 64;
/** Raised whenever an older program could misread the file. */
export const LOG_FORMAT_VERSION = 1;
/** "S3KSTATE". */
export const LOG_MAGIC: readonly [number, number] = [0x534b3353, 0x45544154];
/** "S3KB". */
export const BLOCK_MAGIC = 0x424b3353;

/** Fields of the file's header, in bytes. */
export const LOG_HEADER = {
  magic: 0,
  version: 8,
  /** Two random words. */
  salt: 16,
  /** When it was made (64-bit float, Unix time in ms). */
  createdAt: 24,
  /** Number of the batch that it begins with when it was written anew (64-bit float); 0: it began empty. Such a batch is whole before the file takes its place. */
  base: 32,
  /** CRC32C of all before it. */
  checksum: 60,
} as const;
/** Its length. */
export const LOG_HEADER_BYTES = LOG_ALIGN_BYTES;

/** Fields of a block's head, in bytes. */
export const LOG_BLOCK = {
  magic: 0,
  /** See `BLOCK_KIND`. */
  kind: 4,
  salt: 8,
  /** Number of its batch (64-bit float). It grows along the file; a smaller one is a remnant of an attempt that failed. */
  sequence: 16,
  /** Its place in the batch; of a commit: how many blocks there are. */
  index: 24,
  /** Bytes of records, without padding. */
  bytes: 28,
  /** How many; of a commit: in the whole batch. */
  records: 32,
  /** CRC32C of the records; of a commit: of the blocks' checksums, one after another. */
  payload: 36,
  /** CRC32C of all before it. */
  checksum: 60,
} as const;
/** Its length. */
export const LOG_BLOCK_BYTES = LOG_ALIGN_BYTES;
/** Kinds of blocks. */
export const BLOCK_KIND = { data: 1, commit: 2 } as const;

/** Fields of a record's head, in bytes. */
export const LOG_RECORD = {
  /** See `LOG_PART`, and above these 8 bits `RECORD_GONE`. */
  part: 0,
  /** Bytes of content, without padding. */
  bytes: 4,
  /** Whose content it is, within the part. */
  key: 8,
  /** What else the part has to say, in 32 bits. */
  extra: 12,
  /** The same in a 64-bit float. */
  version: 16,
} as const;
/** Its length. */
export const LOG_RECORD_BYTES = 24;
/** Bit of a record that says: there is none of that key any more. */
export const RECORD_GONE = 0x100;

/** Whose a record is. The numbers stand in files: never give one another meaning. */
export const LOG_PART = {
  /** The store's change counter. */
  storeSequence: 1,
  /** Names of namespaces, by number. */
  storeNamespace: 2,
  /** Entries, by index. */
  storeEntry: 3,
  /** Message ids handed out. */
  busIds: 4,
  /** Durable queues, by number. */
  queue: 5,
  /** How far a queue's level has been consumed: key = queue × 8 + level. */
  queueHead: 6,
  /** Messages: the same key, `version` is the place. */
  queueMessage: 7,
  /** Agents, by slot. */
  agent: 8,
  /** Their snapshots, by slot. */
  agentSnapshot: 9,
  /** Highest generation of any slot. */
  agentGeneration: 10,
} as const;

/** A block is written when it has reached this: large enough for a disk, small enough to be built in a millisecond. */
export const BLOCK_BYTES = 256 * 1024;
/** No block is longer: room for the largest record (a value with its key, a message, a snapshot) behind one that is nearly full. */
export const BLOCK_BYTES_MAX = 8 << 20;

/** The next multiple of 64. */
export function alignLog(bytes: number): number {
  return Math.ceil(bytes / LOG_ALIGN_BYTES) * LOG_ALIGN_BYTES;
}

/** The next multiple of 8. */
export function alignRecord(bytes: number): number {
  return (bytes + 7) & ~7;
}
