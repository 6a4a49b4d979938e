import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { KernelError } from "../../core/base/errors.ts";
import { JOURNAL_VALUE_BYTES_MAX } from "../../core/base/limits.ts";
import type { JournalEntry, JournalKind } from "../../core/workflows/journal.ts";
import { LineWriter, readLines } from "../../core/workflows/journal_lines.ts";

const KINDS: readonly JournalKind[] = ["started", "step-started", "step-completed", "step-failed", "signal", "undone", "ended"];

Deno.test("lines are read as they were written, whatever they hold and however little room there was", () => {
  const line: fc.Arbitrary<JournalEntry> = fc.record({
    executionId: fc.string({ minLength: 1, unit: "binary", maxLength: 80 }),
    sequence: fc.nat(),
    at: fc.double({ noNaN: true }),
    kind: fc.constantFrom(...KINDS),
    stepId: fc.option(fc.string({ minLength: 1, maxLength: 80 }), { nil: undefined }),
    data: fc.anything({ withMap: true, withSet: true, withDate: true, withBigInt: true, withTypedArray: true }),
  });
  fc.assert(
    fc.property(fc.array(line, { maxLength: 20 }), (lines) => {
      const writer = new LineWriter(16);
      for (const each of lines) while (!writer.add(each)) writer.grow();
      assertEquals(readLines(writer.bytes), lines.map((each) => ({ ...each, data: structuredClone(each.data) })));
    }),
    { numRuns: 50 },
  );
});

Deno.test("what cannot be written leaves the lines as they were; an error that cannot be is told in words", () => {
  const writer = new LineWriter(4 * JOURNAL_VALUE_BYTES_MAX);
  const entry: JournalEntry = { executionId: "w-1", sequence: 0, at: 1, kind: "step-completed", stepId: "a" };
  writer.add({ ...entry, data: 1 });
  assertThrows(() => writer.add({ ...entry, data: () => 1 }), KernelError, "function");
  assertThrows(() => writer.add({ ...entry, data: "x".repeat(JOURNAL_VALUE_BYTES_MAX) }), KernelError);
  writer.add({ ...entry, kind: "step-failed", data: { attempt: 1, error: Object.assign(new TypeError("odd"), { call: () => 1 }) } });
  const [kept, told] = readLines(writer.bytes);
  assertEquals([kept.data, readLines(writer.bytes).length], [1, 2]);
  assertEquals([(told.data as { attempt: number }).attempt, (told.data as { error: Error }).error.message], [1, "odd"]);
});

Deno.test("lines that were cut off are refused", () => {
  const writer = new LineWriter(256);
  writer.add({ executionId: "w-1", sequence: 0, at: 1, kind: "ended", data: "COMPLETED" });
  assertThrows(() => readLines(writer.bytes.slice(0, -3)), KernelError, "has no end");
});
