/**
 * Lines of a journal as bytes: written one behind the other as they come, in one pass, since a durable step costs little else. A line is its length, its kind,
 * its time and sequence, the id of its execution and the step's, each with its length, and then its data.
 *
 * @module
 */
import { describe, isKernelError, KernelError, MessageTooLargeError } from "../base/errors.ts";
import { JOURNAL_VALUE_BYTES_MAX } from "../base/limits.ts";
import { type Codec, plainCodec } from "../bus/codec.ts";
import { writeText } from "../bus/codec_text.ts";
import { type ByteWindow, privateWindow } from "../memory/shared_memory.ts";
import type { JournalEntry, JournalKind } from "./journal.ts";

/** By their place: a new one goes to the end. */
const KINDS: readonly JournalKind[] = [
  ...["started", "paused", "resumed", "step-started", "step-completed", "step-failed", "step-skipped", "step-expanded", "waiting"] as const,
  ...["signal", "spent", "approved", "failed", "cancelled", "undo-started", "undone", "undo-failed", "ended"] as const,
];
const NUMBERS = Object.fromEntries(KINDS.map((kind, number) => [kind, number])) as Record<JournalKind, number>;

/** Lines that hold an error. */
const FAILURES: ReadonlySet<JournalKind> = new Set(["step-failed", "failed", "cancelled", "undo-failed"]);
/** Of an error that is told in words. */
const ERROR_CHARS_MAX = 4_096;

const KIND = 4;
const AT = KIND + 1;
const SEQUENCE = AT + 8;
const EXECUTION = SEQUENCE + 4;
const STEP = EXECUTION + 4;
const HEAD = STEP + 4;

/** Lines that are not written down yet. */
export class LineWriter {
  #window: ByteWindow;
  #codec: Codec;
  /** Bytes of the lines so far. */
  length = 0;

  /** Begins with room for `bytes`. */
  constructor(bytes: number) {
    this.#window = privateWindow(bytes);
    this.#codec = plainCodec.writingInto!(this.#window);
  }

  /** How much there is room for. */
  get size(): number {
    return this.#window.bytes.length;
  }

  /** The lines so far; valid until the next change. */
  get bytes(): Uint8Array {
    return this.#window.bytes.subarray(0, this.length);
  }

  /** Forgets the lines. */
  clear(): void {
    this.length = 0;
  }

  /** Makes room. */
  grow(): void {
    const { bytes } = this;
    this.#window = privateWindow(4 * this.size);
    this.#window.bytes.set(bytes);
    this.#codec = plainCodec.writingInto!(this.#window);
  }

  /** Adds a line; false when there is no room. What cannot be copied is an error of the step that returned it: then it throws, and has added nothing. */
  add({ executionId, sequence, at, kind, stepId, data }: JournalEntry): boolean {
    const { bytes, view } = this.#window;
    const begin = this.length;
    const step = writeText(executionId, this.#window, begin + HEAD, bytes.length);
    if (step < 0) return false;
    const value = stepId === undefined ? step : writeText(stepId, this.#window, step, bytes.length);
    if (value < 0) return false;
    const end = this.#value(kind, data, value, Math.min(bytes.length, value + JOURNAL_VALUE_BYTES_MAX));
    if (end < 0) return false;
    view.setUint32(begin, end - begin, true);
    bytes[begin + KIND] = NUMBERS[kind];
    view.setFloat64(begin + AT, at, true);
    view.setUint32(begin + SEQUENCE, sequence, true);
    view.setUint32(begin + EXECUTION, step - begin - HEAD, true);
    view.setUint32(begin + STEP, value - step, true);
    this.length = end;
    return true;
  }

  /** Writes the data; less than 0 when there is no room. An error that cannot be copied, or is too large, is told in words. */
  #value(kind: JournalKind, data: unknown, at: number, limit: number): number {
    try {
      return this.#encode(data, at, limit);
    } catch (error) {
      if (!FAILURES.has(kind)) throw error;
      const { error: thrown, ...rest } = data as { error?: unknown };
      return this.#encode({ ...rest, error: inWords(thrown) }, at, limit);
    }
  }

  #encode(data: unknown, at: number, limit: number): number {
    const end = this.#codec.encode(data, this.#window, at, limit);
    if (end < 0 && limit === at + JOURNAL_VALUE_BYTES_MAX) throw new MessageTooLargeError(JOURNAL_VALUE_BYTES_MAX);
    return end;
  }
}

function inWords(thrown: unknown): KernelError {
  if (!(thrown instanceof Error)) return new KernelError("STEP_FAILED", `it threw ${describe(thrown)}`);
  const message = String(thrown.message).slice(0, ERROR_CHARS_MAX);
  return new KernelError(isKernelError(thrown) ? thrown.code : "STEP_FAILED", message, {}, {
    name: String(thrown.name).slice(0, ERROR_CHARS_MAX),
  });
}

/** The lines that a writer has written. */
export function readLines(bytes: Uint8Array): JournalEntry[] {
  const window = privateWindow((bytes.length + 7) & ~7);
  window.bytes.set(bytes);
  const { view } = window;
  const lines: JournalEntry[] = [];
  for (let begin = 0, end = 0; begin < bytes.length; begin = end) {
    end = begin + view.getUint32(begin, true);
    if (end < begin + HEAD || end > bytes.length) throw new KernelError("CORRUPT_MESSAGE", "a line of the journal has no end.", { begin });
    const step = begin + HEAD + view.getUint32(begin + EXECUTION, true);
    const value = step + view.getUint32(begin + STEP, true);
    lines.push({
      executionId: plainCodec.decode(window, begin + HEAD, step) as string,
      sequence: view.getUint32(begin + SEQUENCE, true),
      at: view.getFloat64(begin + AT, true),
      kind: KINDS[window.bytes[begin + KIND]],
      stepId: value === step ? undefined : plainCodec.decode(window, step, value) as string,
      data: plainCodec.decode(window, value, end),
    });
  }
  return lines;
}
