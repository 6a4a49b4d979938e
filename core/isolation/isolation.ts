/**
 * The agents of one kernel that are kept apart: starts their threads and processes, bounds their number, ends what is left of them.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { ISOLATED_AGENTS_MAX, ISOLATED_HEAP_BYTES } from "../base/limits.ts";
import type { AgentBehavior } from "../agents/agent.ts";
import { type ApartBehavior, type ApartOrder, gradeOf, IsolationUnavailableError } from "../agents/isolation.ts";
import { ApartAgent } from "./apart_agent.ts";
import type { Enclosure, EnclosureEvents, OpenEnclosure } from "./enclosure.ts";
import type { ApartPlan } from "./frames.ts";
import { configFile, modulesOf } from "./modules.ts";
import { openProcess } from "./process_enclosure.ts";
import { openThread } from "./thread_enclosure.ts";

const MIB = 1024 ** 2;

/** What it works with. */
export interface IsolationParts {
  /** Time and timers. */
  readonly clock: Clock;
  /** A far end that is silent for so long is given up. */
  readonly hangTimeoutMs: number;
  /** Whether bytes on loan are made unreadable when the loan ends. */
  readonly debug: boolean;
  /** Code of threads. */
  readonly workerText: string;
  /** Code of a process's main thread. */
  readonly bridgeText: string;
  /** The program's own behaviors. */
  readonly behaviors: Readonly<Record<string, string | AgentBehavior>>;
  /** Models, as the main thread answers its threads. */
  readonly modelCalls: Readonly<Record<string, (argument: unknown) => unknown>>;
}

/** Agents that have a thread, and agents that have a process of their own. */
export interface IsolatedCounts {
  /** Threads. */
  readonly worker: number;
  /** Processes. */
  readonly process: number;
}

/** One kernel's. */
export class Isolation {
  readonly #open: Record<keyof IsolatedCounts, Set<Enclosure>> = { worker: new Set(), process: new Set() };

  /** None yet. */
  constructor(private readonly parts: IsolationParts, private readonly agentsMax: number = ISOLATED_AGENTS_MAX) {}

  /** Those that run now. */
  get counts(): IsolatedCounts {
    return { worker: this.#open.worker.size, process: this.#open.process.size };
  }

  /** Starts one. Rejects with `IsolationUnavailableError` or `BEHAVIOR_LOAD`. */
  async isolate(order: ApartOrder): Promise<ApartBehavior> {
    const { clock, hangTimeoutMs, modelCalls, behaviors, debug } = this.parts;
    const { id, type, config } = order;
    const source = behaviors[type];
    if (source !== undefined && typeof source !== "string") {
      throw new IsolationUnavailableError(
        gradeOf(config),
        `the behavior of ${type} is an object of this thread; give the URL of a module under behaviors.`,
      );
    }
    const plan: ApartPlan = { id, type, url: source, capabilities: config.capabilities ?? [], poisons: debug };
    const open = await this.#opener(order, source);
    return await ApartAgent.open(order, plan, { clock, hangTimeoutMs, modelCalls, open });
  }

  /** Ends what is left. */
  async close(): Promise<void> {
    await Promise.all([...this.#open.worker, ...this.#open.process].map((enclosure) => enclosure.end()));
  }

  async #opener({ config }: ApartOrder, url: string | undefined): Promise<OpenEnclosure> {
    const { clock, workerText: text, bridgeText } = this.parts;
    const heapMbMax = Math.floor((config.heapBytesMax ?? ISOLATED_HEAP_BYTES) / MIB);
    if (gradeOf(config) === "worker") {
      return (plan, events) => this.#counted("worker", events, (counted) => openThread(text, heapMbMax, plan, counted));
    }
    const file = configFile();
    const modules = url === undefined ? [] : await modulesOf(url, file);
    const process = { bridgeText, text, heapMbMax, permissions: config.permissions ?? {}, modules, config: file, clock };
    return (plan, events) => this.#counted("process", events, (counted) => openProcess(process, plan, counted));
  }

  #counted(grade: keyof IsolatedCounts, events: EnclosureEvents, open: (events: EnclosureEvents) => Enclosure): Enclosure {
    const { worker, process } = this.#open;
    if (worker.size + process.size >= this.agentsMax) {
      throw new IsolationUnavailableError(
        grade,
        `${this.agentsMax} agents have a thread or a process of their own, which is all that may; terminate some, or use "shared".`,
      );
    }
    const enclosure = open(events);
    const counted: Enclosure = {
      send: (frame) => enclosure.send(frame),
      answer: (frame) => enclosure.answer(frame),
      end: () => enclosure.end().finally(() => this.#open[grade].delete(counted)),
    };
    this.#open[grade].add(counted);
    return counted;
  }
}
