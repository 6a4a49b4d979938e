import { assertEquals } from "@std/assert";
import type { CoordinatorEvent } from "../../core/processes/process_coordinator.ts";
import { LiveTable, tableLines, type TableSource } from "../../scripts/coordinate/live_table.ts";

const SOURCE: TableSource = {
  agents: [{ requestId: "r-1", agentRole: "coder", phase: "running", pid: 42, runningMs: 1_250, outputBytes: 9 }],
  summary: { completed: 1, failed: 2, rejected: 3, strays: 0 },
};
const EVENT: CoordinatorEvent = { event: "rejected", requestFile: "a.json", reason: "file: it is not JSON" };

Deno.test("a row for each agent, and the counts", () => {
  const [counts, , row] = tableLines(SOURCE);
  assertEquals(counts, "1 at work, 1 completed, 2 failed, 3 rejected");
  assertEquals(row.trim().split(/\s+/), ["r-1", "coder", "running", "1.3", "9", "42"]);
});

Deno.test("on a terminal the table is drawn over itself, events stay, and no line is wider than the terminal", () => {
  let text = "";
  const table = new LiveTable({ write: (part) => text += part, columns: () => 40 }, SOURCE);
  table.draw();
  table.event(EVENT);
  table.end();
  const screen: string[] = [];
  // deno-lint-ignore no-control-regex -- what moves the cursor is what is looked for
  for (const part of text.split(/(\x1b\[\d+F\x1b\[J)/)) {
    const back = /\[(\d+)F/.exec(part);
    if (back) screen.splice(-Number(back[1]));
    else screen.push(...part.split("\n").slice(0, -1));
  }
  assertEquals(screen.length, 4);
  assertEquals(screen[0], "rejected  a.json: file: it is not JSON");
  assertEquals(screen.slice(1).every((line) => line.length < 40), true);
});

Deno.test("elsewhere there are lines of events only", () => {
  let text = "";
  const table = new LiveTable({ write: (part) => text += part, columns: () => null }, SOURCE);
  table.draw();
  table.event(EVENT);
  table.end();
  assertEquals(text, "rejected  a.json: file: it is not JSON\n");
});
