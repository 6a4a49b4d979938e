/**
 * A hundred workflows of five steps at once, and rollbacks of ten steps: ours beside plain async functions, p-queue and Effect, in turns in one run. Beside the
 * time stands the processor's (all threads, the collector's too): on a busy machine only that compares. Each begins with an empty young heap, and not always after the
 * same other: what one leaves behind would be collected in the time of the next.
 *
 * ```sh
 * deno run --allow-env --v8-flags=--expose-gc bench/peers/workflows.ts          # 9 rounds
 * deno run --allow-env --v8-flags=--expose-gc bench/peers/workflows.ts 25
 * ```
 *
 * @module
 */
import process from "node:process";
import { Effect } from "npm:effect@3.19.2";
import PQueue from "npm:p-queue@8.1.0";
import { OrchestrationEngine, type WorkflowDefinition } from "../../mod.ts";

const ROUNDS = Number(Deno.args[0] ?? 9);
const CONCURRENT = 100;
const BATCHES = 50;
const STEPS = 5;
const UNDONE_STEPS = 10;

/** The work of every step, everywhere. */
const step = async (input: number): Promise<number> => await input + 1;

const engine = new OrchestrationEngine();
engine.action("step", step);
let undone = 0;
engine.action("do", step, { effect: "compensable", compensate: () => void undone++ });
engine.action("fail", () => Promise.reject(new Error("planted")), { retries: 0 });
const chain = (id: string, action: string, count: number, last?: string): WorkflowDefinition => ({
  id,
  steps: Array.from({ length: count }, (_, at) => ({
    ...{ id: `s${at}`, action: at === count - 1 ? last ?? action : action },
    dependencies: at === 0 ? [] : [`s${at - 1}`],
  })),
});
const forward = chain("forward", "step", STEPS);
const backward = chain("backward", "do", UNDONE_STEPS + 1, "fail");

const ours = (definition: WorkflowDefinition) => async (): Promise<void> => {
  const execution = await engine.start(definition, { input: 1 });
  await execution.result();
};
const plainForward = async (): Promise<void> => {
  for (let at = 0; at < STEPS; at++) await step(1);
};
const plainBackward = async (): Promise<void> => {
  const done: (() => void)[] = [];
  try {
    for (let at = 0; at < UNDONE_STEPS; at++) {
      await step(1);
      done.push(() => void undone++);
    }
    await Promise.reject(new Error("planted"));
  } catch {
    while (done.length > 0) done.pop()!(); // the saga itself
  }
};
const queue = new PQueue({ concurrency: CONCURRENT });
const queueForward = async (): Promise<void> => {
  for (let at = 0; at < STEPS; at++) await queue.add(() => step(1));
};
const effectStep = Effect.promise(() => step(1));
const effectForward = (): Promise<void> =>
  Effect.runPromise(Effect.gen(function* () {
    for (let at = 0; at < STEPS; at++) yield* effectStep;
  }));
const effectBackward = async (): Promise<void> => {
  await Effect.runPromiseExit(Effect.scoped(Effect.gen(function* () {
    for (let at = 0; at < UNDONE_STEPS; at++) yield* Effect.acquireRelease(effectStep, () => Effect.sync(() => void undone++));
    yield* Effect.fail(new Error("planted"));
  })));
};

interface Contender {
  readonly name: string;
  readonly run: () => Promise<void>;
  readonly times: number[];
  readonly processor: number[];
  readonly worst: number[];
}
const contender = (name: string, run: () => Promise<void>): Contender => ({ name, run, times: [], processor: [], worst: [] });

async function round({ run, times, processor, worst }: Contender, counts: boolean): Promise<void> {
  const each: number[] = [];
  collect();
  const used = processorUs();
  const begun = performance.now();
  for (let batch = 0; batch < BATCHES; batch++) {
    const at = performance.now();
    await Promise.all(Array.from({ length: CONCURRENT }, () => run().then(() => each.push(performance.now() - at))));
  }
  if (!counts) return;
  times.push((performance.now() - begun) * 1e3 / (BATCHES * CONCURRENT));
  processor.push((processorUs() - used) / (BATCHES * CONCURRENT));
  worst.push(each.sort((a, b) => a - b)[Math.floor(each.length * 0.99)]);
}

/** Where the runtime lets us (`--v8-flags=--expose-gc`). Of the young only: a full collection would shrink their space, which all would have to grow again. */
function collect(): void {
  (globalThis as { gc?: (options: { type: "minor" }) => void }).gc?.({ type: "minor" });
}

function processorUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

const middle = (list: number[]): number => [...list].sort((a, b) => a - b)[list.length >> 1];

async function compare(title: string, steps: number, contenders: Contender[]): Promise<void> {
  for (let at = -2; at < ROUNDS; at++) {
    for (let turn = 0; turn < contenders.length; turn++) await round(contenders[(turn + at + 2) % contenders.length], at >= 0);
  }
  console.log(`\n${title}`);
  const base = middle(contenders[0].processor);
  for (const { name, times, processor, worst } of contenders) {
    const us = middle(times);
    const figures = [`${(us / steps).toFixed(2)} µs a step`, `${Math.round(1e6 / us).toLocaleString("en")} workflows/s`];
    const cpu = middle(processor);
    const cost = `processor ${(cpu / steps).toFixed(2)} µs a step  ${(cpu / base).toFixed(2)} ×`;
    console.log(`${name.padEnd(20)} ${figures.join("  ").padEnd(44)} p99 ${middle(worst).toFixed(2).padStart(6)} ms  ${cost}`);
  }
}

await compare(`${STEPS} steps × ${CONCURRENT} at once`, STEPS, [
  contender("@stage3/kernel", ours(forward)),
  contender("plain async", plainForward),
  contender("p-queue", queueForward),
  contender("Effect.gen", effectForward),
]);
await compare(`rollback of ${UNDONE_STEPS} steps × ${CONCURRENT} at once (forward and back)`, UNDONE_STEPS, [
  contender("@stage3/kernel", ours(backward)),
  contender("plain async", plainBackward),
  contender("Effect finalizers", effectBackward),
]);
