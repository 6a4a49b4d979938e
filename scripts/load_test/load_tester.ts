/**
 * Runs scenarios of the load test, one after the other, on one manager, and judges them.
 *
 * @module
 */
import { isKernelError } from "../../core/base/errors.ts";
import { residentBytes } from "../../core/metrics/system_usage.ts";
import type { KernelParts } from "../../core/system.ts";
import { type LoadMeasured, type RunLengths, runLoad } from "./load_run.ts";
import { Mesh } from "./mesh.ts";
import { COORDINATOR_AGENTS, type LoadPlan } from "./plans.ts";
import { type Figure, judgeLoad, judgeMemory } from "./verdict.ts";

/** How far a run is. */
export interface LoadProgress {
  /** Its name. */
  readonly scenario: string;
  /** From 0. */
  readonly index: number;
  /** Scenarios in this run. */
  readonly total: number;
  /** `memory`, `warm-up`, `closed loop`, `open loop`. */
  readonly phase: string;
  /** Messages of the phase so far. */
  readonly delivered: number;
  /** Messages of the phase in all. */
  readonly messages: number;
}

/** Options of a run. */
export interface LoadOptions {
  /** What to run. */
  readonly plans: readonly LoadPlan[];
  /** Worker threads; at least 2, so that messages cross threads. Default: 2, or as many as cores − 1. */
  readonly threads?: number;
  /** Default 10 s. */
  readonly openLoopMsMax?: number;
  /** Rounds before anything counts. Default 1. */
  readonly warmUpRounds?: number;
  /** Nothing delivered for so long: what is missing is lost. Default 5 s. */
  readonly patienceMs?: number;
  /** Parts from `./testing`: faults that must be noticed. */
  readonly parts?: KernelParts;
  /** Ends the run; it then resolves with what it has. */
  readonly signal?: AbortSignal;
  /** Hears of the progress. */
  readonly onProgress?: (progress: LoadProgress) => void;
}

/** One scenario, judged. */
export interface LoadResult extends LoadMeasured {
  /** Its name. */
  readonly scenario: string;
  /** Delivered in closed loop: the document's total, when all went well. */
  readonly delivered: number;
  /** All figures hold. */
  readonly success: boolean;
  /** What was judged. */
  readonly figures: readonly Figure[];
}

/** Memory of the whole process while so many agents write to each other. */
export interface CoordinatorMemory {
  /** Agents of one manager. */
  readonly agents: number;
  /** Resident, runtime and threads included. */
  readonly rssBytes: number;
}

/** What a run came to. */
export interface LoadRun {
  /** Worker threads. */
  readonly threads: number;
  /** More threads (main included) than cores: latencies then contain the scheduler's waiting. */
  readonly oversubscribed: boolean;
  /** See `CoordinatorMemory`. */
  readonly memory: readonly CoordinatorMemory[];
  /** Of the memory. */
  readonly memoryFigures: readonly Figure[];
  /** One for each scenario that came to its end. */
  readonly results: readonly LoadResult[];
  /** What ended the run before its time, such as a thread that died with its driver; null when nothing did. */
  readonly broken: string | null;
}

/** What the compiler needs to see before it has done its work. */
const WARM_UP_MESSAGES_MIN = 20_000;
const MEMORY_MESSAGES_PER_AGENT = 100;
const MEMORY_SHAPE = { payloadBytes: 256, concurrency: 20 };

/** Worker threads when nothing is said. */
export function defaultThreads(cores: number = navigator.hardwareConcurrency): number {
  return Math.max(2, Math.min(8, cores - 1));
}

/** Runs them. */
export async function runLoadTest(options: LoadOptions): Promise<LoadRun> {
  const { plans, threads = defaultThreads(), parts, signal, patienceMs = 5_000 } = options;
  const { openLoopMsMax = 10_000, warmUpRounds = 1 } = options;
  const lengths: RunLengths = { openLoopMsMax, warmUpRounds, warmUpMessagesMin: WARM_UP_MESSAGES_MIN };
  const results: LoadResult[] = [];
  await using mesh = new Mesh({ threads, patienceMs, parts, signal });
  await mesh.open();
  const tell = (index: number, phase: string, delivered: number, messages: number): void =>
    options.onProgress?.({ scenario: plans[index].name, index, total: plans.length, phase, delivered, messages });
  const memory: CoordinatorMemory[] = [];
  let broken: string | null = null;
  try {
    await measureMemory(mesh, memory, (agents) => tell(0, "memory", agents, COORDINATOR_AGENTS.at(-1)!));
    for (const [index, plan] of plans.entries()) {
      if (signal?.aborted) break;
      const measured = await runLoad(mesh, plan, lengths, (phase, delivered, messages) => tell(index, phase, delivered, messages));
      const figures = judgeLoad(measured);
      const success = figures.every(({ met }) => met);
      results.push({ scenario: plan.name, delivered: measured.closed.delivered, success, figures, ...measured });
    }
  } catch (error) {
    if (!isKernelError(error)) throw error;
    broken = `${error.name}: ${error.message}`;
  }
  const oversubscribed = threads + 1 > navigator.hardwareConcurrency;
  return { threads, oversubscribed, memory, memoryFigures: judgeMemory(memory), results, broken };
}

/** First of all, and with the fewest first: what was touched once stays resident. */
async function measureMemory(mesh: Mesh, memory: CoordinatorMemory[], tell: (agents: number) => void): Promise<void> {
  for (const agents of COORDINATOR_AGENTS) {
    await mesh.populate({ agents, ...MEMORY_SHAPE });
    await mesh.round(MEMORY_MESSAGES_PER_AGENT, agents * MEMORY_MESSAGES_PER_AGENT, () => tell(agents));
    memory.push({ agents, rssBytes: residentBytes() });
  }
  await mesh.disband();
}
