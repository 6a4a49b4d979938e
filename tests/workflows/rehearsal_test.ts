import { assertEquals } from "@std/assert";
import { OrchestrationEngine } from "../../core/workflows/orchestration_engine.ts";
import type { RehearsalRow } from "../../core/workflows/rehearsal.ts";

const row = ({ step, fails, state, undone, notUndone }: RehearsalRow): string =>
  `${step} ${fails}: ${state}, undone ${undone.join()}, not undone ${notUndone.join()}`;

/** An engine whose actions keep seats and doors; `wrong` plants a compensation that opens the wrong door. */
function hotel(wrong: boolean): { engine: OrchestrationEngine; touched: string[] } {
  const touched: string[] = [];
  const engine = new OrchestrationEngine();
  engine.action("reserve", async (_input: unknown, { effects }) => {
    await effects.set("seat 12", "taken");
    return 12;
  }, { compensate: (_result, { effects }) => effects.delete("seat 12"), rehearsable: true });
  engine.action("lock", (_input: unknown, { effects }) => void effects.set("door 3", "locked"), {
    compensate: (_result, { effects }) => effects.set(wrong ? "door 4" : "door 3", "open"),
    rehearsable: true,
  });
  engine.action("send", () => void touched.push("sent"), { effect: "irreversible" });
  engine.action("charge", () => void touched.push("charged"));
  return { engine, touched };
}

const WORKFLOW = {
  id: "stay",
  steps: [
    { id: "seat", action: "reserve" },
    { id: "door", action: "lock", dependencies: ["seat"] },
    { id: "wait", delayMs: 60_000, dependencies: ["door"] },
    { id: "ok", approval: { by: ["ann", "bob"], count: 2 }, dependencies: ["wait"] },
    { id: "word", signal: "go", dependencies: ["ok"] },
    { id: "pay", action: "charge", dependencies: ["word"] },
  ],
};
const FACTS = { "door 3": "open", "door 4": "closed" };

Deno.test("a workflow that undoes all of itself is shown to, and nothing outside is touched", async () => {
  const { engine, touched } = hotel(false);
  const rows = await engine.rehearse(WORKFLOW, { facts: FACTS });
  assertEquals(rows.map(row), [
    "seat before: ROLLED_BACK, undone seat, not undone ",
    "seat after: ROLLED_BACK, undone seat, not undone ",
    "door before: ROLLED_BACK, undone door,seat, not undone ",
    "door after: ROLLED_BACK, undone door,seat, not undone ",
    "pay before: ROLLED_BACK, undone door,seat, not undone ",
    "pay after: ROLLED_BACK, undone door,seat, not undone ",
  ]);
  assertEquals([touched, rows[0].assumed, rows[5].assumed], [[], [], ["pay"]]);
});

Deno.test("a wrong compensation is found, by what it leaves", async () => {
  const { engine } = hotel(true);
  const rows = await engine.rehearse(WORKFLOW, { facts: FACTS });
  const last = rows[rows.length - 1];
  assertEquals([last.undone, last.notUndone], [["seat"], ["door"]]);
  assertEquals(last.differences, [
    { key: "door 3", before: "open", after: "locked", step: "door" },
    { key: "door 4", before: "closed", after: "open", step: "door" },
  ]);
});

Deno.test("a step that cannot be undone is found, also within a sub-workflow", async () => {
  const { engine } = hotel(false);
  engine.define({ id: "mail", steps: [{ id: "letter", action: "send" }] });
  const rows = await engine.rehearse({
    id: "w",
    steps: [{ id: "seat", action: "reserve" }, { id: "m", workflow: "mail", dependencies: ["seat"] }, {
      id: "pay",
      action: "charge",
      dependencies: ["m"],
    }],
  });
  assertEquals(rows.map(row), [
    "seat before: ROLLED_BACK, undone seat, not undone ",
    "seat after: ROLLED_BACK, undone seat, not undone ",
    "m/letter before: ROLLED_BACK, undone seat, not undone ",
    "m/letter after: ROLLED_BACK, undone seat, not undone m/letter",
    "pay before: FAILED, undone seat, not undone m/letter",
    "pay after: FAILED, undone seat, not undone m/letter",
  ]);
});

Deno.test("facts of any name and kind are compared by what they hold", async () => {
  const engine = new OrchestrationEngine();
  engine.action("seat", (_input: unknown, ctx) => void ctx.effects.set("seats", new Map([["12", "Ann"]])), {
    rehearsable: true,
    compensate: (_result, ctx) => void ctx.effects.set("seats", new Map([["12", "nobody"]])),
  });
  engine.action("name", (_input: unknown, ctx) => void ctx.effects.set("constructor", 1), {
    rehearsable: true,
    compensate: (_result, ctx) => void ctx.effects.delete("constructor"),
  });
  const rows = await engine.rehearse({ id: "w", steps: [{ id: "s", action: "seat" }, { id: "n", action: "name", dependencies: ["s"] }] }, {
    facts: { seats: new Map() },
  });
  assertEquals(rows[3].differences.map(({ key, step }) => [key, step]), [["seats", "s"]]);
});
