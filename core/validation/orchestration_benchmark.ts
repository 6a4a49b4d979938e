/**
 * The five benchmarks of the owner's document, on the real engines: workflows, transitions, threats, agents, rollbacks. Nothing sleeps, and every
 * operation's outcome is looked at before it counts as a success.
 *
 * @module
 */
import { type StateGuard, StateMachine } from "../base/state_machine.ts";
import { Kernel } from "../kernel.ts";
import { MemoryEffector } from "../threats/effector.ts";
import { DEFAULT_PATTERNS, registerResponseActions } from "../threats/playbooks.ts";
import { ThreatResponseEngine } from "../threats/threat_response.ts";
import { OrchestrationEngine } from "../workflows/orchestration_engine.ts";
import type { WorkflowDefinition } from "../workflows/workflow.ts";
import { type BenchmarkResults, PerformanceMonitor } from "./performance_monitor.ts";

/** How much is done. */
export interface BenchmarkSize {
  /** Of each row; their samples are put together. */
  readonly rounds: number;
  /** Rounds before them that only let the compiler do its work. */
  readonly warmUpRounds: number;
}

/** The document's numbers. */
const WORKFLOWS = 100;
const STEPS = 5;
const TRANSITIONS = 1_000;
const EVENTS = 500;
const AGENTS: readonly number[] = [1, 2, 5, 10];
const OPERATIONS_PER_AGENT = 100;
const ROLLBACKS = 100;
const DEPTHS: readonly number[] = [1, 2, 5, 10];
const PATTERNS: readonly number[] = [0, 1_000];

/** Runs one row: `round` records into the monitor that it is given. */
async function measure(
  benchmark: string,
  row: string,
  { rounds, warmUpRounds }: BenchmarkSize,
  round: (monitor: PerformanceMonitor) => Promise<void>,
): Promise<BenchmarkResults> {
  const warmUp = new PerformanceMonitor(benchmark, row);
  for (let number = 0; number < warmUpRounds; number++) await round(warmUp);
  const monitor = new PerformanceMonitor(benchmark, row);
  for (let number = 0; number < rounds; number++) await round(monitor);
  return monitor.results();
}

/** Steps one after the other, each waiting for the one before. */
function chain(id: string, steps: number, action: string): WorkflowDefinition {
  const list = Array.from({ length: steps }, (_, at) => ({ id: `s${at}`, action, dependencies: at === 0 ? [] : [`s${at - 1}`] }));
  return { id, steps: list };
}

interface Load {
  readonly load: number;
  readonly tags: readonly string[];
  readonly window: { readonly from: number; readonly to: number };
}

const READY: Load = { load: 0.4, tags: ["blue", "green", "trusted"], window: { from: 8, to: 18 } };
const GUARDS: Readonly<Record<"none" | "simple" | "complex", StateGuard<Load>[]>> = {
  none: [],
  simple: [{ condition: (context) => context.load < 0.9, message: "too much to do" }],
  complex: [
    { condition: (context) => context.load < 0.9, message: "too much to do" },
    { condition: (context) => context.tags.some((tag) => /^trust/.test(tag)), message: "not trusted" },
    { condition: (context) => context.window.from < 12 && context.window.to > 12, message: "closed" },
  ],
};
const CALLBACKS: readonly number[] = [0, 1, 3];

/** The benchmarks, one method each. */
export class OrchestrationBenchmark {
  readonly #size: BenchmarkSize;

  /** Starts nothing. */
  constructor(size: BenchmarkSize = { rounds: 20, warmUpRounds: 3 }) {
    this.#size = size;
  }

  /** 100 workflows at a time, of 5 steps each. */
  async workflowExecution(): Promise<BenchmarkResults[]> {
    const engine = new OrchestrationEngine();
    engine.action("step", (input) => Promise.resolve(input), { effect: "pure" });
    const workflow = chain("five", STEPS, "step");
    const row = `${WORKFLOWS} at a time × ${STEPS} steps`;
    const results = await measure("workflow_execution", row, this.#size, (monitor) =>
      monitor.roundOf(async () => {
        await Promise.all(Array.from({ length: WORKFLOWS }, async (_, number) => {
          const startedAt = monitor.now();
          const execution = await engine.start(workflow, { input: number });
          const { state, steps } = await execution.result();
          monitor.record(monitor.now() - startedAt, state === "COMPLETED" && steps.s4.result === number);
        }));
      }));
    engine.close();
    return [results];
  }

  /** 1,000 transitions, with guards of three kinds and with none to three callbacks. */
  async stateTransitions(): Promise<BenchmarkResults[]> {
    const results: BenchmarkResults[] = [];
    for (const [name, guards] of Object.entries(GUARDS)) {
      for (const count of CALLBACKS) {
        let called = 0;
        const onTransition = Array.from({ length: count }, () => () => void called++);
        const edge = (from: string, to: string) => ({ from, to, guards, onTransition });
        const machine = new StateMachine<string, string, Load>({
          initial: "IDLE",
          transitions: [edge("IDLE", "EXECUTING"), edge("EXECUTING", "IDLE")],
        });
        results.push(
          await measure("state_transitions", `guards ${name}, callbacks ${count}`, this.#size, async (monitor) => {
            const outcomes: { ms: number; reached: boolean; answer: Promise<boolean> }[] = [];
            const before = called;
            monitor.round(() => {
              for (let number = 0; number < TRANSITIONS; number++) {
                const to = number % 2 === 0 ? "EXECUTING" : "IDLE";
                const startedAt = monitor.now();
                const answer = machine.transition(to, { reason: "benchmark", context: READY });
                const ms = monitor.now() - startedAt;
                outcomes.push({ ms, reached: machine.state === to, answer });
              }
            });
            const allCalled = called - before === TRANSITIONS * count;
            for (const { ms, reached, answer } of outcomes) monitor.record(ms, await answer && reached && allCalled);
          }),
        );
      }
    }
    return results;
  }

  /** 500 events that each begin a playbook, beside none and 1,000 other patterns: from the event to the first action. */
  async threatDetection(): Promise<BenchmarkResults[]> {
    const results: BenchmarkResults[] = [];
    for (const others of PATTERNS) {
      let source = 0;
      results.push(
        await measure("threat_detection", `${DEFAULT_PATTERNS.length + others} patterns`, this.#size, async (monitor) => {
          const { engine, threats } = threatEngines(others);
          await monitor.roundOf(async () => {
            for (let number = 0; number < EVENTS; number++) {
              const source_ip = `10.${source >> 16 & 255}.${source >> 8 & 255}.${source++ & 255}`;
              const startedAt = monitor.now();
              const incident = await threats.handle({
                event_type: "failed_auth",
                failed_attempts: 5 + number % 3,
                source_ip,
                user: source_ip,
              });
              monitor.record(monitor.now() - startedAt, incident?.severity === "HIGH" && incident.execution !== undefined);
            }
          });
          await threats.settled();
          engine.close();
        }),
      );
    }
    return results;
  }

  /** 1, 2, 5 and 10 agents on the kernel's threads, each with 100 operations: workflows whose step is theirs. */
  async concurrentOrchestration(): Promise<BenchmarkResults[]> {
    const results: BenchmarkResults[] = [];
    await using manager = new Kernel({ threads: 2 });
    await manager.initialize();
    for (const agents of AGENTS) {
      const ids = await manager.spawnAgentBatch("omniscient", agents);
      const workflows: WorkflowDefinition[] = ids.map((agentId) => ({
        id: `observe-${agentId}`,
        steps: [{ id: "observe", action: "observe", agentId, input: { name: "figure", value: { $ref: "input" } } }],
      }));
      results.push(
        await measure(
          "concurrent_orchestration",
          `${agents} agents × ${OPERATIONS_PER_AGENT} operations`,
          this.#size,
          (monitor) =>
            monitor.roundOf(async () => {
              await Promise.all(workflows.flatMap((workflow) =>
                Array.from({ length: OPERATIONS_PER_AGENT }, async (_, number) => {
                  const startedAt = monitor.now();
                  const { state, steps } = await (await manager.orchestration.start(workflow, { input: number })).result();
                  const name = (steps.observe.result as { name?: unknown } | undefined)?.name;
                  monitor.record(monitor.now() - startedAt, state === "COMPLETED" && name === "figure");
                })
              ));
            }),
        ),
      );
      await Promise.all(ids.map((id) => manager.terminateAgent(id)));
    }
    return results;
  }

  /** 100 rollbacks of up to 10 steps: from the failure to the last compensation, for each step. */
  async rollbackPerformance(): Promise<BenchmarkResults[]> {
    const results: BenchmarkResults[] = [];
    for (const depth of DEPTHS) {
      const engine = new OrchestrationEngine();
      const failedAt = new Map<number, number>();
      let monitorNow = (): number => 0;
      engine.action("take", () => Promise.resolve(1), { effect: "compensable", compensate: () => Promise.resolve() });
      engine.action("fail", (input) => {
        failedAt.set(input as number, monitorNow());
        throw new Error("planted");
      });
      const { steps } = chain("deep", depth, "take");
      const workflow = { id: "deep", steps: [...steps, { id: "fail", action: "fail", dependencies: [`s${depth - 1}`], retries: 0 }] };
      const undone = steps.map(({ id }) => id).reverse().join();
      results.push(
        await measure("rollback_performance", `${depth} steps deep`, this.#size, (monitor) => {
          monitorNow = () => monitor.now();
          return monitor.roundOf(async () => {
            for (let number = 0; number < ROLLBACKS; number++) {
              const { state, compensated } = await (await engine.start(workflow, { input: number })).result();
              const ms = (monitor.now() - failedAt.get(number)!) / depth;
              monitor.record(ms, state === "ROLLED_BACK" && compensated.join() === undone);
            }
          });
        }),
      );
      engine.close();
    }
    return results;
  }
}

/** The default patterns with their playbooks on an engine of their own, and others that never fit. */
function threatEngines(others: number): { engine: OrchestrationEngine; threats: ThreatResponseEngine } {
  const engine = new OrchestrationEngine();
  const effector = new MemoryEffector();
  registerResponseActions(engine, () => effector);
  const threats = new ThreatResponseEngine({ runner: engine });
  for (const pattern of DEFAULT_PATTERNS) threats.register(pattern);
  for (let at = 0; at < others; at++) {
    threats.register({ id: `other-${at}`, match: { event_type: `other_${at}`, score: { $gte: 0.5 } }, severity: "LOW" });
  }
  return { engine, threats };
}
