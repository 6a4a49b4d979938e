import { assert, assertEquals } from "@std/assert";
import { incidentText, makeReport, type RunFacts, toCsv, toJson } from "../../core/validation/report.ts";
import type { ValidationResult } from "../../core/validation/result.ts";
import { SAMPLE_LOOPS, sampleIncident, sampleMeasured, sampleResult } from "../support/sample_result.ts";

const FACTS: RunFacts = {
  ...{ timestamp: "2026-01-02T03:04:05.678Z", commit: null, threads: 2, oversubscribed: false, budgetBytes: 2 ** 31 },
  ...{ aborted: false, timedOut: false, notMeasured: { commit: "needs --allow-read" } },
  machine: {
    ...{ cores: 4, ramBytes: null, memoryLimitBytes: null, hostname: null, os: "linux x86_64", deno: "2.9.6", v8: "15", cpuModel: null },
    native: SAMPLE_LOOPS,
  },
};

function failed(): ValidationResult {
  const measured = sampleMeasured();
  measured.metrics.stability.memoryUsage = null;
  measured.notMeasured["metrics.stability.memoryUsage"] = 'the "look" failed, twice';
  return sampleResult(measured, "peak-load-validation");
}

/** RFC 4180 read back: fields with whether they were quoted. */
function parseCsv(text: string): { value: string; quoted: boolean }[][] {
  const rows: { value: string; quoted: boolean }[][] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/y;
  let row: { value: string; quoted: boolean }[] = [];
  while (field.lastIndex < text.length) {
    const match = field.exec(text);
    assert(match !== null, "not RFC 4180");
    row.push({ value: match[1]?.replaceAll('""', '"') ?? match[2], quoted: match[1] !== undefined });
    if (match[3] === ",") continue;
    rows.push(row);
    row = [];
  }
  return rows;
}

Deno.test("the summary counts results; no result is no success", () => {
  assertEquals(makeReport(FACTS, [sampleResult(), failed()]).summary, { total: 2, passed: 1, failed: 1, successRate: 0.5 });
  assertEquals(makeReport(FACTS, []).summary, { total: 0, passed: 0, failed: 0, successRate: 0 });
});

Deno.test("JSON holds all of the report, with null for what is not known", () => {
  const report = makeReport(FACTS, [sampleResult(), failed()]);
  const text = toJson(report);
  assertEquals(JSON.parse(text), report);
  assertEquals(text.endsWith("}\n"), true);
});

Deno.test("CSV has a row for each scenario, columns named by path, numbers plain, strings quoted, null empty", () => {
  const [header, ...rows] = parseCsv(toCsv(makeReport(FACTS, [sampleResult(), failed()])));
  const columns = header.map((field) => field.value);
  assertEquals(new Set(columns).size, columns.length);
  assertEquals(rows.map((row) => row.length), [columns.length, columns.length]);
  const at = (row: number, column: string): { value: string; quoted: boolean } => rows[row][columns.indexOf(column)];
  assertEquals(columns.slice(0, 6), ["timestamp", "commit", "aborted", "timedOut", "scenario", "success"]);
  assertEquals(at(0, "scenario"), { value: "baseline-performance", quoted: true });
  assertEquals(at(0, "metrics.spawnTime.p95"), { value: "0.8", quoted: false });
  assertEquals(at(0, "metrics.memory.regions.store.capacityBytes"), { value: "67108864", quoted: false });
  assertEquals(at(0, "targets.spawnTimeP95.passing"), { value: "true", quoted: false });
  assertEquals(at(0, "commit"), { value: "", quoted: false });
  assertEquals(at(1, "metrics.stability.memoryUsage"), { value: "", quoted: false });
  assertEquals(at(1, "notMeasured"), { value: 'metrics.stability.memoryUsage: the "look" failed, twice', quoted: true });
  assertEquals(at(1, "violations").value, 'memoryUsagePercent: not measured (the "look" failed, twice)');
  assertEquals(columns.filter((column) => column.includes("histogram")), []);
  assertEquals(at(0, "incidents").value, "");
});

Deno.test("an incident is one sentence in CSV and all its figures in JSON", () => {
  const result = { ...sampleResult(), incidents: [sampleIncident()] };
  const report = makeReport(FACTS, [result]);
  const said = "thread 1 died 1.2 s into the load (it exited with code 3), recovered in 42 ms: 50 agents moved, 0 lost; " +
    "7 messages moved, 1 interrupted";
  assertEquals(incidentText(sampleIncident()), said);
  const [header, row] = parseCsv(toCsv(report));
  assertEquals(row[header.findIndex((field) => field.value === "incidents")], { value: said, quoted: true });
  assertEquals(JSON.parse(toJson(report)).results[0].incidents, [sampleIncident()]);
});

Deno.test("CSV without a result is a header alone", () => {
  assertEquals(toCsv(makeReport(FACTS, [])), "timestamp,commit,aborted,timedOut,scenario,success\r\n");
});
