/**
 * Transitions with a guard, a callback and a line of history: ours beside XState, in turns in one run. Times are ns for each transition, the median of the rounds
 * with the lowest and highest round.
 *
 * ```sh
 * deno run --allow-env bench/peers/state_machine.ts
 * ```
 *
 * @module
 */
import { assign, createActor, setup } from "npm:xstate@5.19.2";
import { StateMachine } from "../../mod.ts";

const ROUNDS = Number(Deno.args[0] ?? 9);
const COUNT = 50_000;
let sink = 0;

function ours(): (count: number) => number {
  const machine = new StateMachine({
    initial: "IDLE",
    transitions: [
      {
        ...{ from: "IDLE", to: "EXECUTING", on: "start" },
        guards: [{ condition: (load: number) => load < 1, message: "busy" }],
        onTransition: () => sink++,
      },
      {
        from: "EXECUTING",
        to: "IDLE",
        on: "stop",
        guards: [{ condition: (load: number) => load < 1, message: "busy" }],
        onTransition: () => sink++,
      },
    ],
  });
  return (count) => {
    for (let at = 0; at < count; at += 2) {
      machine.transition("EXECUTING", { reason: "a task", context: 0.5 });
      machine.transition("IDLE", { reason: "done", context: 0.5 });
    }
    return machine.getHistory().length;
  };
}

function xstate(): (count: number) => number {
  const definition = setup({
    types: { context: {} as { changes: number }, events: {} as { type: "start" | "stop"; load: number } },
    guards: { free: ({ event }) => event.load < 1 },
  }).createMachine({
    context: { changes: 0 },
    initial: "IDLE",
    states: {
      IDLE: { on: { start: { target: "EXECUTING", guard: "free", actions: assign({ changes: ({ context }) => context.changes + 1 }) } } },
      EXECUTING: { on: { stop: { target: "IDLE", guard: "free", actions: assign({ changes: ({ context }) => context.changes + 1 }) } } },
    },
  });
  const actor = createActor(definition).start();
  return (count) => {
    for (let at = 0; at < count; at += 2) {
      actor.send({ type: "start", load: 0.5 });
      actor.send({ type: "stop", load: 0.5 });
    }
    return actor.getSnapshot().context.changes;
  };
}

function clockOnly(count: number): number {
  let sum = 0;
  for (let at = 0; at < count; at++) sum += performance.now();
  return sum;
}

const CONTENDERS: readonly [name: string, run: (count: number) => number][] = [
  ["@stage3/kernel", ours()],
  ["XState 5", xstate()],
  ["one reading of the clock", clockOnly],
];
const times = CONTENDERS.map((): number[] => []);
for (let round = -1; round < ROUNDS; round++) {
  for (const [index, [, run]] of CONTENDERS.entries()) {
    const begun = performance.now();
    sink += run(COUNT) % 2;
    if (round >= 0) times[index].push((performance.now() - begun) * 1e6 / COUNT);
  }
}
const middle = (list: number[]): number => list.sort((a, b) => a - b)[list.length >> 1];
const base = middle(times[0]);
for (const [index, [name]] of CONTENDERS.entries()) {
  const list = times[index];
  const median = middle(list);
  console.log(
    `${name.padEnd(26)} ${median.toFixed(0).padStart(6)} ns (${list[0].toFixed(0)}…${list[list.length - 1].toFixed(0)})  ${
      (median / base).toFixed(2)
    } ×`,
  );
}
