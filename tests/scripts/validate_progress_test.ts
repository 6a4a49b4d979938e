import { assert, assertEquals } from "@std/assert";
import type { Progress } from "../../core/validation/scenario_runner.ts";
import { progressView } from "../../scripts/validate/progress.ts";

function at(index: number, elapsedMs: number, phase = "load"): Progress {
  return {
    ...{ scenario: `scenario-${index}`, index, total: 2, elapsedMs, durationMs: 25_000, phase },
    agents: 1_000,
    messagesPerSecond: 9_999.6,
  };
}

Deno.test("elsewhere than on a terminal: a line at start and end, and one each ten seconds between", () => {
  let text = "";
  const view = progressView({ write: (part) => text += part, columns: () => null });
  view.update(at(0, 0, "spawning"));
  for (let ms = 0; ms <= 25_000; ms += 250) view.update(at(0, ms));
  view.update(at(0, 25_000, "draining"));
  view.update(at(0, 25_000, "cleaning"));
  view.update(at(1, 0, "spawning"));
  view.update(at(1, 3_000));
  view.end();
  view.end();
  assertEquals(text.split("\n"), [
    "[1/2] scenario-0: started, 25 s of load",
    "[1/2] scenario-0: load, 1,000 agents, 10,000 messages/s, 10 of 25 s",
    "[1/2] scenario-0: load, 1,000 agents, 10,000 messages/s, 20 of 25 s",
    "[1/2] scenario-0: ended after 25 s of load",
    "[2/2] scenario-1: started, 25 s of load",
    "[2/2] scenario-1: ended after 3 s of load",
    "",
  ]);
});

Deno.test("on a terminal the bar is drawn over itself and never wraps", () => {
  let text = "";
  const view = progressView({ write: (part) => text += part, columns: () => 60 });
  for (const ms of [0, 12_500, 25_000, 26_000]) view.update(at(0, ms));
  view.update(at(1, 0));
  view.end();
  const lines = text.split("\n");
  assertEquals(lines.length, 3, "one line a scenario, and the empty one after");
  const draws = lines[0].split("\r").slice(1);
  assertEquals(draws.map((draw) => draw.length), [59, 59, 59, 59]);
  assert(draws[0].startsWith("░".repeat(24) + "   0 %"));
  assert(draws[1].startsWith("█".repeat(12) + "░".repeat(12) + "  50 %"));
  assert(draws[3].startsWith("█".repeat(24) + " 100 %"));
});

Deno.test("a run that says nothing shows nothing", () => {
  for (const columns of [null, 80]) {
    let text = "";
    progressView({ write: (part) => text += part, columns: () => columns }).end();
    assertEquals(text, "");
  }
});
