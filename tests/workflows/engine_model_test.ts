/** Random workflows driven by random commands (a step ends well or badly, pause, resume, approve, signal, cancel) beside a reference of plain rules. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Random } from "../../core/base/random.ts";
import type { StepState } from "../../core/workflows/unit.ts";
import type { WorkflowDefinition, WorkflowStep } from "../../core/workflows/workflow.ts";
import type { WorkflowExecution } from "../../core/workflows/workflow_execution.ts";
import { settled, WorkflowBench } from "../support/workflow_bench.ts";

type Kind = "action" | "approval" | "signal";

interface ModelStep {
  readonly id: string;
  readonly kind: Kind;
  readonly dependencies: readonly string[];
  state: StepState;
}

/** The rules, one by one. */
class Model {
  state = "RUNNING";
  readonly ended: string[] = [];
  compensated: string[] = [];
  early = 0;

  constructor(readonly steps: ModelStep[]) {
    this.begin();
  }

  get isOver(): boolean {
    return this.state !== "RUNNING" && this.state !== "PAUSED";
  }

  /** What may begin, begins; and a signal that is kept is taken by the first that waits. */
  begin(): void {
    if (this.state !== "RUNNING") return;
    const ready = this.steps.filter((step) =>
      step.state === "PENDING" && step.dependencies.every((id) => this.step(id).state === "COMPLETED")
    );
    for (const step of ready) {
      step.state = step.kind === "action" ? "RUNNING" : "WAITING";
      if (step.kind !== "signal" || this.early === 0) continue;
      this.early--;
      step.state = "COMPLETED";
    }
    if (ready.some(({ state }) => state === "COMPLETED")) this.begin();
    if (this.steps.every(({ state }) => state === "COMPLETED")) this.state = "COMPLETED";
  }

  step(id: string): ModelStep {
    return this.steps.find((step) => step.id === id)!;
  }

  complete(step: ModelStep): void {
    step.state = "COMPLETED";
    if (step.kind === "action") this.ended.push(step.id);
    this.begin();
  }

  wind(state: string, failing?: ModelStep): void {
    if (failing !== undefined) {
      failing.state = "FAILED";
      this.ended.push(failing.id);
    }
    for (const step of this.steps) {
      if (step.state === "RUNNING") this.ended.push(step.id);
      if (step.state === "RUNNING" || step.state === "WAITING") step.state = "CANCELLED";
    }
    this.compensated = this.ended.reverse();
    for (const id of this.compensated) if (this.step(id).state === "COMPLETED") this.step(id).state = "COMPENSATED";
    this.state = state;
  }
}

interface Real {
  readonly execution: WorkflowExecution;
  readonly gates: Map<string, PromiseWithResolvers<unknown>>;
}

type Deed = "well" | "badly" | "pause" | "resume" | "approve" | "signal" | "cancel";

class Command implements fc.AsyncCommand<Model, Real> {
  constructor(readonly deed: Deed, readonly pick: number) {}

  #target(model: Model): ModelStep | undefined {
    const wanted: Record<string, (step: ModelStep) => boolean> = {
      well: ({ state }) => state === "RUNNING",
      badly: ({ state }) => state === "RUNNING",
      approve: ({ kind, state }) => kind === "approval" && state === "WAITING",
    };
    const found = model.steps.filter(wanted[this.deed] ?? (() => false));
    return found[this.pick % found.length];
  }

  check(model: Model): boolean {
    if (model.isOver) return false;
    if (this.deed === "signal") return model.steps.some(({ kind }) => kind === "signal");
    if (this.deed === "cancel") return this.pick % 4 === 0;
    if (this.deed === "badly") return this.pick % 3 === 0 && this.#target(model) !== undefined;
    return this.deed === "pause" || this.deed === "resume" || this.#target(model) !== undefined;
  }

  async run(model: Model, { execution, gates }: Real): Promise<void> {
    const step = this.#target(model);
    switch (this.deed) {
      case "well":
        gates.get(step!.id)!.resolve("done");
        model.complete(step!);
        break;
      case "badly":
        gates.get(step!.id)!.reject(new Error("badly"));
        model.wind("ROLLED_BACK", step);
        break;
      case "pause":
        execution.pause();
        if (model.state === "RUNNING") model.state = "PAUSED";
        break;
      case "resume":
        execution.resume();
        if (model.state === "PAUSED") model.state = "RUNNING";
        model.begin();
        break;
      case "approve":
        execution.approve(step!.id, { by: "ann" });
        await settled();
        // Paused, it is approved and has not gone on.
        if (execution.step(step!.id).state !== "COMPLETED") {
          execution.resume();
          model.state = "RUNNING";
        }
        model.complete(step!);
        break;
      case "signal": {
        execution.signal("go");
        const waits = model.steps.find(({ kind, state }) => kind === "signal" && state === "WAITING");
        if (waits === undefined) model.early++;
        break;
      }
      case "cancel":
        execution.cancel("why not");
        model.wind("CANCELLED");
    }
    await settled();
    if (this.deed === "signal") adoptSignal(model, execution);
    const seen = execution.progress();
    assertEquals(seen.state, model.state);
    const states = Object.fromEntries(model.steps.map(({ id, state }) => [id, state]));
    assertEquals(Object.fromEntries(Object.entries(seen.steps).map(([id, { state }]) => [id, state])), states);
    if (!model.isOver) return;
    assertEquals([...seen.compensated].sort(), [...model.compensated].sort());
    const completed = model.compensated.filter((id) => model.step(id).state === "COMPENSATED");
    assertEquals(seen.compensated.filter((id) => completed.includes(id)), completed);
  }

  toString(): string {
    return `${this.deed}(${this.pick})`;
  }
}

/** Which of several steps takes a signal is the engine's: the one that has waited longest. The rule is only that exactly one does. */
function adoptSignal(model: Model, execution: WorkflowExecution): void {
  const took = model.steps.filter(({ id, kind, state }) =>
    kind === "signal" && state === "WAITING" && execution.step(id).state === "COMPLETED"
  );
  assertEquals(took.length <= 1, true);
  for (const step of took) model.complete(step);
}

async function make(seed: number): Promise<{ model: Model; real: Real; bench: WorkflowBench }> {
  const random = new Random(seed);
  const count = 1 + random.below(8);
  const kinds: readonly Kind[] = ["action", "action", "action", "approval", "signal"];
  const steps: ModelStep[] = Array.from({ length: count }, (_, at) => ({
    id: `s${at}`,
    kind: kinds[random.below(kinds.length)],
    dependencies: Array.from({ length: at }, (_, before) => `s${before}`).filter(() => random.below(3) === 0),
    state: "PENDING",
  }));
  const bench = new WorkflowBench();
  const gates = new Map<string, PromiseWithResolvers<unknown>>();
  bench.engine.action("manual", (_input: unknown, ctx) => {
    const gate = Promise.withResolvers<unknown>();
    gates.set(ctx.stepId, gate);
    ctx.signal.addEventListener("abort", () => gate.reject(ctx.signal.reason));
    return gate.promise;
  }, { compensate: () => {}, retries: 0 });
  const definition: WorkflowDefinition = {
    id: "model",
    steps: steps.map(({ id, kind, dependencies }): WorkflowStep => ({
      ...{ id, dependencies },
      ...kind === "action" ? { action: "manual" } : kind === "approval" ? { approval: true } : { signal: "go" },
    })),
  };
  const execution = await bench.start(definition);
  return { model: new Model(steps), real: { execution, gates }, bench };
}

Deno.test("random workflows under random commands do what the reference does", async () => {
  const deeds = ["well", "well", "well", "well", "badly", "pause", "resume", "approve", "approve", "signal", "cancel"] as const;
  const command = fc.tuple(fc.constantFrom(...deeds), fc.nat(100)).map(([deed, pick]) => new Command(deed, pick));
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1 }), fc.commands([command], { maxCommands: 40 }), async (seed, commands) => {
      const { model, real, bench } = await make(seed);
      try {
        await fc.asyncModelRun(() => ({ model, real }), commands);
      } finally {
        bench.engine.close();
      }
    }),
    { numRuns: 300 },
  );
});
