/** An engine on a fake clock, and time that passes until something is so. */
import { FakeClock } from "../../core/testing.ts";
import { type EngineOptions, OrchestrationEngine } from "../../core/workflows/orchestration_engine.ts";
import type { WorkflowOutcome } from "../../core/workflows/outcome.ts";
import type { WorkflowDefinition, WorkflowStep } from "../../core/workflows/workflow.ts";
import type { WorkflowExecution } from "../../core/workflows/workflow_execution.ts";

/** Lets what is resolved arrive. */
export async function settled(): Promise<void> {
  for (let step = 0; step < 30; step++) await null;
}

/** A workflow of these steps. */
export function steps(...list: WorkflowStep[]): WorkflowDefinition {
  return { id: "w", steps: list };
}

/** An engine on a fake clock. */
export class WorkflowBench {
  readonly clock = new FakeClock(1_000);
  readonly engine: OrchestrationEngine;
  /** What actions did, in order. */
  readonly log: string[] = [];

  constructor(options: EngineOptions = {}) {
    this.engine = new OrchestrationEngine({ clock: this.clock, ...options });
  }

  /** An action that logs its step, and its compensation likewise. */
  does(name: string, run: () => unknown = () => `${name}!`): this {
    this.engine.action(name, (_input: unknown, ctx) => {
      this.log.push(ctx.stepId);
      return run();
    }, { effect: "compensable", compensate: (_result, ctx) => void this.log.push(`undo ${ctx.stepId}`) });
    return this;
  }

  /** Starts it and lets it come as far as it does without time. */
  async start(definition: WorkflowDefinition, input?: unknown): Promise<WorkflowExecution> {
    const execution = await this.engine.start(definition, { input });
    await settled();
    return execution;
  }

  /** Lets time pass. */
  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await settled();
  }

  /** Lets time pass until it has ended. */
  async end(execution: WorkflowExecution): Promise<WorkflowOutcome> {
    let outcome: WorkflowOutcome | undefined;
    void execution.result().then((value) => outcome = value);
    await settled();
    for (let step = 0; outcome === undefined && step < 1_000; step++) await this.pass(1_000);
    if (outcome === undefined) throw new Error(`not ended: ${execution.toMermaid()}`);
    return outcome;
  }
}
