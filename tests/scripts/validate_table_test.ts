import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { makeReport, type ValidationReport } from "../../core/validation/report.ts";
import { reportText, table } from "../../scripts/validate/table.ts";
import { SAMPLE_LOOPS, sampleIncident, sampleMeasured, sampleResult } from "../support/sample_result.ts";

function report(change: Partial<ValidationReport> = {}): ValidationReport {
  const measured = sampleMeasured();
  measured.metrics.communicationLatency = { ...measured.metrics.communicationLatency, p95: null, samples: 3 };
  const failed = { ...sampleResult(measured, "ultra-high-load-validation"), recommendations: ["do this"] };
  const facts = {
    ...{ timestamp: "2026-01-02T03:04:05.678Z", commit: "abc", threads: 2, oversubscribed: false, budgetBytes: 2 ** 31, aborted: false },
    ...{ timedOut: false, notMeasured: {} },
    machine: {
      ...{
        cores: 4,
        ramBytes: 2 ** 33,
        memoryLimitBytes: null,
        hostname: null,
        os: "linux x86_64",
        deno: "2.9.6",
        v8: "15",
        cpuModel: null,
        native: SAMPLE_LOOPS,
      },
    },
  };
  return { ...makeReport(facts, [sampleResult(), failed]), ...change };
}

Deno.test("columns line up: names to the left, numbers to the right", () => {
  assertEquals(table(["name", "n", "result"], [["a", "1", "PASS"], ["longer", "12,345", "FAIL"]], [0, 2]).split("\n"), [
    "name         n  result",
    "──────  ──────  ──────",
    "a            1  PASS",
    "longer  12,345  FAIL",
  ]);
  assertEquals(table(["name", "n"], []).split("\n").length, 2);
});

Deno.test("a thread that died is told of, whether the scenario passed or not", () => {
  const result = { ...sampleResult(), incidents: [sampleIncident()] };
  const text = reportText({ ...report(), results: [result] }, { verbose: false, colour: false });
  assertStringIncludes(text, "baseline-performance:\n  - thread 1 died 1.2 s into the load");
});

Deno.test("the report names machine, commit, threads, samples, what failed and what to change", () => {
  const text = reportText(report(), { verbose: false, colour: false });
  for (
    const part of [
      "machine: 4 cores, processor unknown, 8 GiB memory, linux x86_64, Deno 2.9.6",
      "commit: abc",
      "memory budget: 2 GiB",
      "threads: 2\n",
      "ultra-high-load-validation failed:\n  - communicationLatencyP95: not measured (3 samples, p95 needs 200)",
      "what to change:\n  - do this",
      "1 of 2 scenarios passed\n",
    ]
  ) assertStringIncludes(text, part);
  const rows = text.split("\n").filter((line) => /(PASS|FAIL)$/.test(line));
  assertEquals(rows.length, 2);
  assertEquals(rows.map((row) => row.search(/(PASS|FAIL)$/))[0], rows.map((row) => row.search(/(PASS|FAIL)$/))[1]);
  assertStringIncludes(rows[1], "not measured");
  assert(!text.includes("\x1b"));
  assertStringIncludes(
    reportText(report({ oversubscribed: true }), { verbose: false, colour: false }),
    "(oversubscribed: 2 worker threads",
  );
});

Deno.test("colour marks the verdicts only", () => {
  const text = reportText(report(), { verbose: false, colour: true });
  assertEquals(text.split("\x1b[32mPASS\x1b[0m").length, 2);
  assertEquals(text.split("\x1b[31mFAIL\x1b[0m").length, 2);
  assertEquals(text.split("\x1b").length, 5);
});

Deno.test("verbose adds every percentile, target, count and region", () => {
  const text = reportText(report(), { verbose: true, colour: false });
  for (
    const part of [
      "── baseline-performance",
      "delivery, one way",
      "load generator's lag",
      "messages.crossThread",
      "cleanup.clean",
      "slabs",
      "agentsStarted",
    ]
  ) assertStringIncludes(text, part);
  assert(text.split("\n").some((line) => line.startsWith("communicationLatencyP95") && line.endsWith("MISSED")));
});

Deno.test("a run cut short says so", () => {
  assertStringIncludes(reportText(report({ aborted: true }), { verbose: false, colour: false }), "1 of 2 scenarios passed, interrupted");
  assertStringIncludes(reportText(report({ timedOut: true }), { verbose: false, colour: false }), "scenarios passed, timed out");
  assertStringIncludes(reportText(report({ results: [] }), { verbose: true, colour: true }), "threads: 2");
});
