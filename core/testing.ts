/**
 * Parts for tests: a clock that only moves when told to, a kernel in one thread that turns only when told to, and faults that must be noticed. They are
 * constructor parts (`new UltraFastAgentManager(options, parts)`, `new Stage3IntegrationValidator({ parts })`), never options or flags.
 *
 * @example
 * ```ts ignore
 * import { dropMessages } from "@stage3/kernel/testing";
 * const validator = new Stage3IntegrationValidator({ parts: dropMessages(0.01) });
 * const results = await validator.runValidation({ scenarios: ["baseline-performance"] }); // fails, and says why
 * ```
 *
 * @module
 */
import { type AssembledHost, assembleHost } from "./agents/host_assembly.ts";
import type { AgentBehavior, AgentId, AskOptions, SendOptions, SpawnConfig } from "./agents/agent.ts";
import type { HostSettings } from "./agents/host_options.ts";
import type { DeadLetter } from "./agents/dead_letters.ts";
import type { HostParts } from "./agents/host_parts.ts";
import { HOST_STATE } from "./agents/spawn_desk.ts";
import type { Cancel, Clock } from "./base/clock.ts";
import { DEAD_LETTERS_KEPT_MAX, INBOX_MESSAGES_MAX, LARGE_DEAD_LETTERS_KEPT_MAX, SEND_TIMEOUT_MS } from "./base/limits.ts";
import { Random } from "./base/random.ts";
import type { KernelParts } from "./kernel.ts";
import { store } from "./memory/atomics.ts";
import { inspectArena, type MemoryReport } from "./memory/inspection.ts";
import { HOST, hostField, type Layout, planLayout } from "./memory/layout.ts";
import { allocateMemory, type SharedMemory } from "./memory/shared_memory.ts";
import type { Counts } from "./metrics/counters.ts";

export type {
  AgentBehavior,
  AgentContext,
  AgentId,
  AgentMetrics,
  AgentStore,
  AskOptions,
  Counter,
  Distribution,
  Gauge,
  Message,
  MetricLabels,
  SendOptions,
  SpawnConfig,
  TaskDefinition,
} from "./agents/agent.ts";
export type { Priority, PriorityName } from "./bus/message.ts";
export type { HostSettings } from "./agents/host_options.ts";
export type { DeadLetter, DeadLetterReason } from "./agents/dead_letters.ts";
export type { MemoryReport, RegionUse } from "./memory/inspection.ts";
export type { CounterName, Counts } from "./metrics/counters.ts";
export type { HostParts, Interceptor } from "./agents/host_parts.ts";
export type { Cancel, Clock } from "./base/clock.ts";
export type { KernelParts } from "./kernel.ts";

/** A clock that stands still until it is moved. */
export class FakeClock implements Clock {
  #now: number;
  #timers: { at: number; callback: () => void }[] = [];

  /** Begins at `startMs` of arena time. */
  constructor(startMs = 1_000) {
    this.#now = startMs;
  }

  /** Arena time in ms. */
  now(): number {
    return this.#now;
  }

  /** Fires when the clock is moved past it. */
  schedule(delayMs: number, callback: () => void): Cancel {
    const timer = { at: this.#now + delayMs, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Moves on and fires what is due, in order. */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const due = this.#timers.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#now = Math.max(this.#now, due.at);
      due.callback();
    }
    this.#now = until;
  }
}

/** What a simulated kernel is made of. */
export interface SimulationOptions {
  /** Hosts, all of them in this thread. Default 2. */
  hosts?: number;
  /** Order in which hosts turn. Print it when a test fails. Default 1. */
  seed?: number;
  /** Behaviors by type. */
  behaviors: Record<string, AgentBehavior>;
  /** Overrides of the hosts' settings. */
  settings?: Partial<HostSettings>;
  /** Parts of every host. */
  parts?: HostParts;
}

/** One host of a simulation. */
export interface SimulatedHost {
  /** What it has counted. */
  readonly counts: Counts;
  /** One turn; returns how much was done. */
  turn(): number;
  /** See `AgentContext.send`. */
  send(from: AgentId, to: AgentId, payload: unknown, options?: SendOptions): Promise<void> | undefined;
  /** See `AgentContext.ask`. */
  ask(from: AgentId, to: AgentId, payload: unknown, options?: AskOptions): Promise<unknown>;
  /** One agent. */
  spawn(type: string, config?: SpawnConfig): Promise<AgentId>;
  /** Several agents, all or none. */
  spawnMany(type: string, count: number, config?: SpawnConfig): Promise<AgentId[]>;
  /** Ends an agent. */
  terminate(id: AgentId): Promise<void>;
  /** Messages that it could not hand over, oldest first. */
  deadLetters(): DeadLetter[];
}

/** A whole kernel in one thread: several hosts on one arena and a fake clock, turned in an order that the seed decides. */
export class Simulation {
  /** Time of all hosts. */
  readonly clock: FakeClock = new FakeClock();
  /** Seed of the order; print it when a test fails. */
  readonly seed: number;
  readonly #memory: SharedMemory;
  readonly #layout: Layout;
  readonly #assembled: AssembledHost[];
  readonly #random: Random;
  /** What agents logged and how they failed. */
  readonly notes: unknown[] = [];

  /** Builds the hosts; nothing turns yet. */
  constructor(options: SimulationOptions) {
    const { hosts = 2, seed = 1, behaviors, parts } = options;
    this.seed = seed;
    this.#random = new Random(seed);
    const settings: HostSettings = {
      agentsMax: 1_000,
      inboxMessagesMax: INBOX_MESSAGES_MAX,
      sendTimeoutMs: SEND_TIMEOUT_MS,
      deadLettersMax: DEAD_LETTERS_KEPT_MAX + LARGE_DEAD_LETTERS_KEPT_MAX,
      timesDeliveries: true,
      ...options.settings,
    };
    this.#layout = planLayout({ hosts, agentSlots: settings.agentsMax + 64, sharedBufferBytes: 16 * 2 ** 20, storeBytes: 2 ** 20 });
    this.#memory = allocateMemory(this.#layout.totalBytes);
    this.#assembled = Array.from({ length: hosts }, (_, index) => {
      store(this.#memory.words, hostField(this.#layout, index, HOST.state) >> 2, HOST_STATE.running);
      const plan = { index, layout: this.#layout, settings, behaviors, polls: false };
      return assembleHost(plan, this.#memory, this.clock, parts, (note) => this.notes.push(note));
    });
  }

  /** One host. */
  host(index: number): SimulatedHost {
    const { host } = this.#assembled[index];
    return {
      counts: host.metrics.counts,
      turn: () => host.turn(),
      send: (from, to, payload, options) => host.send(from, to, payload, options),
      ask: (from, to, payload, options) => host.ask(from, to, payload, options),
      spawn: (type, config) => host.spawn(type, config),
      spawnMany: (type, count, config) => host.desk.spawnMany(type, count, config),
      terminate: (id) => host.desk.terminate(id),
      deadLetters: () => host.deadLetters(),
    };
  }

  /** Turns hosts in seeded order until none finds anything, letting promises settle between turns; at most `turnsMax`. */
  async settle(turnsMax = 100_000): Promise<void> {
    let idle = 0;
    for (let turn = 0; turn < turnsMax && idle < 4 * this.#assembled.length; turn++) {
      const { host } = this.#assembled[this.#random.below(this.#assembled.length)];
      const done = host.turn();
      for (let step = 0; step < 8; step++) await null;
      idle = done > 0 || this.#assembled.some((assembled) => assembled.host.ready) ? 0 : idle + 1;
    }
  }

  /** Settles while the clock moves on by `ms` in steps of `stepMs`. */
  async run(ms: number, stepMs = 1): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      await this.settle();
      this.clock.advance(stepMs);
    }
    await this.settle();
  }

  /** A promise's value, with hosts turning and time moving until it has settled; `patienceMs` of fake time at most. */
  async until<T>(promise: Promise<T>, patienceMs = 60_000): Promise<T> {
    let settled = false;
    const watched = promise.finally(() => settled = true);
    watched.catch(() => undefined); // its rejection is the caller's, below
    await this.settle();
    for (let passed = 0; !settled && passed < patienceMs; passed += 10) {
      this.clock.advance(10);
      await this.settle();
    }
    if (!settled) throw new Error(`not settled after ${patienceMs} ms of simulated time (seed ${this.seed})`);
    return await watched;
  }

  /** Shared memory in use. */
  inspect(): MemoryReport {
    return inspectArena(this.#memory, this.#layout, this.#assembled[0].host.directory.live, this.#assembled[0].store.stats().bytesUsed);
  }
}

/** Drops one in `1 / ratio` messages between the ring and the handler, uncounted. */
export function dropMessages(ratio: number): KernelParts {
  const every = Math.max(1, Math.round(1 / ratio));
  return workers(
    `interceptor: () => { let n = 0; return { deliver: (to, awaited) => !awaited && ++n % ${every} === 0 ? "drop" : "handle" }; }`,
  );
}

/** Counts messages as delivered without calling the handler of every tenth agent. */
export function skipHandlers(): KernelParts {
  return workers(`interceptor: () => ({ deliver: (to, awaited) => !awaited && to % 10 === 0 ? "skip" : "handle" })`);
}

/** Reports agents as started whose onStart was not called: one in `every`, beginning with the hundredth of a thread. */
export function skipStart(every = 10): KernelParts {
  return workers(`interceptor: () => { let n = 0; return { start: () => ++n > 20 && n % ${every} === 0 ? "skip" : "start" }; }`);
}

/** Reports agents as started that do not exist, after the first `real` of a thread. */
export function absentAgents(real = 2): KernelParts {
  return workers(`interceptor: () => { let n = 0; return { start: () => ++n > ${real} ? "absent" : "start" }; }`);
}

/** Sets the clock of thread `host` back (or forward) by `ms`, `afterMs` after it was first read. */
export function jumpClock(ms: number, afterMs = 500, host = 1): KernelParts {
  return workers(
    `clock: (real, host) => { if (host !== ${host}) return real; let first = 0; return { ` +
      `now: () => { const now = real.now(); first ||= now; return now - first > ${afterMs} ? now + (${ms}) : now; }, ` +
      `schedule: (delay, callback, background) => real.schedule(delay, callback, background) }; }`,
  );
}

/** Ends thread `host`, `afterMs` after its first message, by an exception that nobody catches or by leaving the process of the thread. */
export function killThread(how: "throw" | "exit", afterMs: number, host = 1): KernelParts {
  const end = how === "throw" ? `throw new Error("killed by a test")` : `Deno.exit(3)`;
  return workers(
    `interceptor: (host) => { let armed = host !== ${host}; return { deliver: () => { ` +
      `if (!armed) { armed = true; setTimeout(() => { ${end}; }, ${afterMs}); } return "handle"; } }; }`,
  );
}

function workers(body: string): KernelParts {
  return { workersUrl: `data:text/javascript,${encodeURIComponent(`export default { ${body} };`)}` };
}
