/** The accounts of a scenario whose thread died: what was cut off explains a few messages, and hides no loss. */
import { assertEquals } from "@std/assert";
import { type Counts, zeroCounts } from "../../core/metrics/counters.ts";
import { Histogram } from "../../core/metrics/histogram.ts";
import { LOAD_COUNTS, type LoadCount, type LoadReport } from "../../core/validation/load_ledger.ts";
import { type Evidence, measurements } from "../../core/validation/measurements.ts";
import type { MessageCounts } from "../../core/validation/result.ts";
import { sampleIncident, samplePlan } from "../support/sample_result.ts";

function page(host: number, counts: Partial<Record<LoadCount, number>>): LoadReport {
  const zero = Object.fromEntries(LOAD_COUNTS.map((name) => [name, 0])) as Record<LoadCount, number>;
  const [latency, lag, storeTime] = [Histogram.private(), Histogram.private(), Histogram.private()];
  return { host, counts: { ...zero, ...counts }, latency, lag, storeTime };
}

/** 1,000 messages of the load, sent and received; and 10 asks of the runner's own. */
function evidence(
  counts: Partial<Counts>,
  own = { asked: 20, answered: 20 },
  pages = [page(2, { scheduled: 1_000, sent: 1_000, received: 1_000 })],
): Evidence {
  return {
    ...{ plan: samplePlan(), threads: 2, oversubscribed: false, cores: 4, budgetBytes: 1, loadMs: 1_000, cpuMs: 1 },
    ...{ spawnTime: Histogram.private(), taskTime: Histogram.private(), spawned: 10, spawnsRepeated: 0, restarted: 0, churned: 0 },
    ...{ churnScheduled: 0, tasksDone: 0, tasksFailed: 0, incidents: [sampleIncident()] },
    observation: { rssBytesStart: 1, rssBytesPeak: 1, agentsMin: 10, agentsMax: 10, regions: [] },
    before: { counts: zeroCounts(), own: { asked: 0, answered: 0 } },
    after: { counts: { ...zeroCounts(), sent: 1_020, delivered: 1_020, ...counts }, own },
    ...{ reports: pages, cleared: null },
  };
}

function accounts({ sent, delivered, deadLettered, lost }: MessageCounts): number[] {
  return [sent, delivered, deadLettered, lost];
}

const CASES: [name: string, given: Evidence, accounts: number[]][] = [
  ["nothing cut off", evidence({}), [1_000, 1_000, 0, 0]],
  ["a request handled, its reply never sent", evidence({ sent: 1_019, delivered: 1_019 }, { asked: 20, answered: 18 }), [
    1_000,
    1_000,
    0,
    0,
  ]],
  ["a reply to the dead", evidence({ delivered: 1_019, deadLettered: 1 }, { asked: 20, answered: 18 }), [1_000, 1_000, 0, 0]],
  ["a request not sent", evidence({ sent: 1_018, delivered: 1_018 }, { asked: 20, answered: 18 }), [1_000, 1_000, 0, 0]],
  [
    "a message of the load is a dead letter",
    evidence({ delivered: 1_019, deadLettered: 1 }, undefined, [page(2, { sent: 1_000, received: 999 })]),
    [1_000, 999, 1, 0],
  ],
  [
    "one is lost while an own one is cut off: not set against each other",
    evidence({ sent: 1_019, delivered: 1_018 }, { asked: 20, answered: 18 }, [page(2, { sent: 1_000, received: 999 })]),
    [1_000, 999, 0, 1],
  ],
  ["one is lost", evidence({ delivered: 1_019 }, undefined, [page(2, { sent: 1_000, received: 999 })]), [1_000, 999, 0, 1]],
  ["one is counted twice", evidence({ delivered: 1_021 }), [1_000, 1_001, 0, -1]],
];

for (const [name, given, expected] of CASES) {
  Deno.test(`accounts after a death: ${name}`, () => assertEquals(accounts(measurements(given).metrics.messages), expected));
}

Deno.test("agents made again do not count as started twice, nor asks of a dead thread as unanswered", () => {
  const dead = page(1, { started: 5, teamAsked: 9, teamCorrect: 7 });
  const alive = page(2, { started: 12, teamAsked: 9, teamCorrect: 7, teamCut: 1 });
  const { agents, team } = measurements({ ...evidence({}, undefined, [dead, alive]), restarted: 6, spawnsRepeated: 1 }).metrics;
  assertEquals([agents.started, agents.restarted], [10, 6]);
  assertEquals(team, { asked: 18, correct: 14, wrong: 0, interrupted: 3 }, "one answer of the living thread is missing");
});
