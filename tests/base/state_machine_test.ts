import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { InvalidArgumentError, KernelError } from "../../core/base/errors.ts";
import { TRANSITIONS_NESTED_MAX, TRANSITIONS_WAITING_MAX } from "../../core/base/limits.ts";
import { StateMachine } from "../../core/base/state_machine.ts";
import { FakeClock } from "../../core/testing.ts";

type Life = "IDLE" | "EXECUTING" | "ERROR";
const LIFE: { from: Life; to: Life }[] = [
  { from: "IDLE", to: "EXECUTING" },
  { from: "EXECUTING", to: "IDLE" },
  { from: "EXECUTING", to: "ERROR" },
];

Deno.test("a guard refuses with its message, and the trail says when, why and what for", async () => {
  const clock = new FakeClock(500);
  const machine = new StateMachine({
    initial: "IDLE",
    transitions: [{ from: "IDLE", to: "EXECUTING", guards: [{ condition: (load: number) => load < 1, message: "too much to do" }] }],
  }, { clock });
  assertEquals(await machine.transition("EXECUTING", { reason: "a task", context: 3 }), false);
  clock.advance(10);
  assertEquals(machine.state, "IDLE");
  assertEquals([machine.canTransitionTo("EXECUTING", 3), machine.canTransitionTo("EXECUTING", 0)], [false, true]);
  assertEquals(await machine.transition("EXECUTING", { reason: "again", context: 0 }), true);
  assertEquals(machine.state, "EXECUTING");
  assertEquals(await machine.transition("IDLE"), false);
  const lines = machine.getHistory().map(({ from, to, at, reason, context, allowed, message }) => [
    ...[from, to, at, reason, context, allowed, message],
  ]);
  assertEquals(lines, [
    ["IDLE", "EXECUTING", 500, "a task", 3, false, "too much to do"],
    ["IDLE", "EXECUTING", 510, "again", 0, true, undefined],
    ["EXECUTING", "IDLE", 510, undefined, undefined, false, "no transition leads from EXECUTING to IDLE"],
  ]);
  assertEquals(machine.getHistory(1).map(({ to }) => to), ["IDLE"]);
});

Deno.test("everything happens before transition returns when nothing is asynchronous", () => {
  const seen: string[] = [];
  const machine: StateMachine<Life> = new StateMachine<Life>({
    initial: "IDLE",
    states: {
      IDLE: { onExit: () => seen.push(`leave IDLE in ${machine.state}`) },
      EXECUTING: { onEntry: [() => seen.push(`enter in ${machine.state}`), () => seen.push("enter too")] },
      ERROR: {},
    },
    transitions: [{ from: "IDLE", to: "EXECUTING", onTransition: ({ from, to }) => seen.push(`${from} to ${to}`) }, ...LIFE.slice(1)],
    onTransition: ({ to }) => seen.push(`now ${to}`),
  });
  void machine.transition("EXECUTING");
  assertEquals(seen, ["leave IDLE in IDLE", "IDLE to EXECUTING", "enter in EXECUTING", "enter too", "now EXECUTING"]);
});

Deno.test("transitions asked for at the same time are made one after the other", async () => {
  const gate = Promise.withResolvers<void>();
  const machine = new StateMachine<Life>({
    initial: "IDLE",
    states: { IDLE: {}, EXECUTING: { onEntry: () => gate.promise }, ERROR: {} },
    transitions: LIFE,
  });
  const [one, two, three] = [machine.transition("EXECUTING"), machine.transition("IDLE"), machine.transition("ERROR")];
  await null;
  assertEquals(machine.state, "EXECUTING"); // entered; its entry callback is still at work
  gate.resolve();
  assertEquals(await Promise.all([one, two, three]), [true, true, false]);
  assertEquals(machine.state, "IDLE");
});

for (const kind of ["synchronous", "asynchronous", "promised"] as const) {
  Deno.test(`a callback may itself transition and await it (${kind})`, async () => {
    const results: boolean[] = [];
    const go = (): Promise<boolean> => machine.transition("ERROR", { reason: "at once" });
    const onEntry = {
      synchronous: () => void go().then((done) => results.push(done)),
      asynchronous: async () => {
        await null;
        results.push(await go()); // would wait for itself, were it in the queue
      },
      promised: () => go().then((done) => results.push(done)),
    }[kind];
    const machine: StateMachine<Life> = new StateMachine<Life>({
      initial: "IDLE",
      states: { IDLE: {}, EXECUTING: { onEntry }, ERROR: { onEntry: async () => await null } },
      transitions: LIFE,
    });
    assertEquals(await machine.transition("EXECUTING"), true);
    await null;
    assertEquals([machine.state, results], ["ERROR", [true]]);
    assertEquals(machine.getHistory().map(({ to, allowed }) => [to, allowed]), [["EXECUTING", true], ["ERROR", true]]);
  });
}

Deno.test("a callback that goes elsewhere before the state has changed takes the transition's place", async () => {
  const machine: StateMachine<Life> = new StateMachine<Life>({
    initial: "EXECUTING",
    states: {
      IDLE: {},
      ERROR: {},
      EXECUTING: { onExit: async ({ to }) => to === "IDLE" ? await machine.transition("ERROR") : undefined },
    },
    transitions: LIFE,
  });
  assertEquals(await machine.transition("IDLE"), false);
  assertEquals(machine.state, "ERROR");
  assertEquals(machine.getHistory(1)[0].message, "a callback went to ERROR instead");
});

Deno.test("callbacks that answer each other are stopped", async () => {
  const machine: StateMachine<Life> = new StateMachine<Life>({
    initial: "IDLE",
    states: {
      ERROR: {},
      IDLE: { onEntry: () => machine.transition("EXECUTING") },
      EXECUTING: { onEntry: () => machine.transition("IDLE") },
    },
    transitions: LIFE,
  });
  const error = await assertRejects(() => machine.transition("EXECUTING"), KernelError, String(TRANSITIONS_NESTED_MAX));
  assertEquals(error.code, "TRANSITION_LOOP");
  assertEquals(await machine.transition(machine.state === "IDLE" ? "ERROR" : "ERROR").catch(() => "usable"), machine.state === "ERROR");
});

Deno.test("what is thrown before the change keeps the state, after it only says so", async () => {
  const machine = new StateMachine<Life>({
    initial: "IDLE",
    states: {
      IDLE: {},
      EXECUTING: {
        onEntry: () => {
          throw new Error("no entry");
        },
        onExit: async () => {
          await null;
          throw new Error("no exit");
        },
      },
      ERROR: {},
    },
    transitions: LIFE,
  });
  await assertRejects(() => machine.transition("EXECUTING"), Error, "no entry");
  assertEquals([machine.state, machine.getHistory(1)[0].allowed], ["EXECUTING", true]);
  await assertRejects(() => machine.transition("IDLE"), Error, "no exit");
  assertEquals([machine.state, machine.getHistory(1)[0].allowed], ["EXECUTING", false]);
  assertEquals(machine.getHistory(1)[0].message, "a callback threw: no exit");
});

Deno.test("a guard that throws or answers with a promise refuses loudly", async () => {
  const guarded = (condition: () => boolean): StateMachine =>
    new StateMachine({ initial: "A", transitions: [{ from: "A", to: "B", guards: [{ condition, message: "no" }] }] });
  const throwing = guarded(() => {
    throw new Error("broken");
  });
  await assertRejects(() => throwing.transition("B"), Error, "broken");
  assertEquals(throwing.getHistory(1)[0].message, "a guard threw: broken");
  const promising = guarded((() => Promise.resolve(true)) as unknown as () => boolean);
  await assertRejects(() => promising.transition("B"), InvalidArgumentError, "guards[0].condition");
  assertEquals(promising.state, "A");
});

Deno.test("waiting transitions and the trail are bounded", async () => {
  const gate = Promise.withResolvers<void>();
  const machine = new StateMachine<Life>({
    initial: "IDLE",
    states: { IDLE: { onExit: () => gate.promise }, EXECUTING: {}, ERROR: {} },
    transitions: LIFE,
  }, { historyMax: 3 });
  const first = machine.transition("EXECUTING");
  const rest = Array.from({ length: TRANSITIONS_WAITING_MAX }, () => machine.transition("ERROR"));
  await assertRejects(() => machine.transition("ERROR"), KernelError, "already wait");
  gate.resolve();
  assertEquals(await first, true);
  assertEquals((await Promise.all(rest)).filter((done) => done).length, 1);
  assertEquals(machine.getHistory().length, 3);
});

Deno.test("a mistake in a definition is refused by the path to it", () => {
  const refused = (definition: unknown, path: string): void => {
    const error = assertThrows(() => new StateMachine(definition as never), InvalidArgumentError);
    assertEquals((error as InvalidArgumentError).field, path);
  };
  refused(undefined, "definition");
  refused({ initial: "A" }, "transitions");
  refused({ initial: 7, transitions: [] }, "initial");
  refused({ initial: "A", transitions: [null] }, "transitions[0]");
  refused({ initial: "A", transitions: [{ from: "A", to: "" }] }, "transitions[0].to");
  refused({ initial: "A", transitions: [{ from: ["A", 3], to: "B" }] }, "transitions[0].from[1]");
  refused({ initial: "A", transitions: [{ from: "A", to: "B", on: 1 }] }, "transitions[0].on");
  refused({ initial: "A", transitions: [{ from: "A", to: "B", guards: [{ message: "m" }] }] }, "transitions[0].guards[0].condition");
  refused({ initial: "A", transitions: [{ from: "A", to: "B", guards: [{ condition: () => true }] }] }, "transitions[0].guards[0].message");
  refused({ initial: "A", states: { A: {} }, transitions: [{ from: "A", to: "B" }] }, "transitions[0].to");
  refused({ initial: "A", states: { A: { states: { B: {} } } }, transitions: [] }, "states.A.initial");
  refused({ initial: "A", states: { A: { initial: "A", states: { A: {} } } }, transitions: [] }, "states.A.states.A");
  refused({ initial: "A", states: { A: { onEntry: ["x"] } }, transitions: [] }, "states.A.onEntry[0]");
  assertThrows(() => new StateMachine({ initial: "A", transitions: [] }, { historyMax: -1 }), InvalidArgumentError, "historyMax");
});

Deno.test("an unknown state is refused, not taken for one that cannot be reached", async () => {
  const machine = new StateMachine({ initial: "A", transitions: [{ from: "A", to: "B" }] });
  await assertRejects(() => machine.transition("C" as "A"), InvalidArgumentError, "to is the string");
  assertThrows(() => machine.canTransitionTo("C" as "A"), InvalidArgumentError);
});

Deno.test("a snapshot restores the state without running callbacks", async () => {
  let entered = 0;
  const make = (): StateMachine<Life> =>
    new StateMachine<Life>({
      initial: "IDLE",
      states: { IDLE: {}, EXECUTING: { onEntry: () => entered++ }, ERROR: {} },
      transitions: LIFE,
    });
  const one = make();
  await one.transition("EXECUTING", { reason: "work" });
  const text = JSON.stringify(one.snapshot());
  const other = make();
  other.restore(JSON.parse(text));
  assertEquals([other.state, entered, other.getHistory(1)[0].reason], ["EXECUTING", 1, "work"]);
  assertEquals(await other.transition("ERROR"), true);
  assertThrows(() => other.restore({ states: ["NOWHERE" as Life], history: [] }), InvalidArgumentError, "snapshot.states");
  assertThrows(() => other.restore({ states: ["IDLE", "ERROR"], history: [] }), InvalidArgumentError, "cannot be active together");
});

Deno.test("the diagram shows edges, guards and what is active", async () => {
  const machine = new StateMachine({
    initial: "IDLE",
    transitions: [
      { from: "IDLE", to: "AT WORK", on: "go", guards: [{ condition: () => true, message: "busy" }] },
      { from: "AT WORK", to: "IDLE" },
    ],
  });
  await machine.send("go");
  const text = machine.toMermaid();
  for (const line of ["stateDiagram-v2", '  state "AT WORK" as state_2', "  [*] --> IDLE", "  IDLE --> state_2 : go [unless busy]"]) {
    assertStringIncludes(text, `${line}\n`);
  }
  assert(text.endsWith("  class state_2 active\n"));
});
