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
import { type AgentRecord, AgentRegistry, type SnapshotNote } from "./agents/agent_registry.ts";
import { type AssembledHost, assembleHost, type HostPlan, type Office } from "./agents/host_assembly.ts";
import type { AgentBehavior, AgentId, AskOptions, SendOptions, SpawnConfig } from "./agents/agent.ts";
import type { HostSettings } from "./agents/host_options.ts";
import type { DeadLetter } from "./agents/dead_letters.ts";
import type { HostParts } from "./agents/host_parts.ts";
import { HOST_STATE } from "./agents/lifecycle.ts";
import { type Recovery, Supervisor } from "./agents/supervisor.ts";
import type { Cancel, Clock } from "./base/clock.ts";
import { HostDiedError, KernelError } from "./base/errors.ts";
import { DEAD_LETTERS_KEPT_MAX, INBOX_MESSAGES_MAX, LARGE_DEAD_LETTERS_KEPT_MAX, SEND_TIMEOUT_MS } from "./base/limits.ts";
import { Random } from "./base/random.ts";
import type { KernelParts } from "./system.ts";
import { load, store } from "./memory/atomics.ts";
import { inspectArena, type MemoryReport } from "./memory/inspection.ts";
import { HEADER, HOST, hostField, type Layout, planLayout } from "./memory/layout.ts";
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
export type { Recovery } from "./agents/supervisor.ts";
export type { HostSettings } from "./agents/host_options.ts";
export type { DeadLetter, DeadLetterReason } from "./agents/dead_letters.ts";
export type { MemoryReport, RegionUse } from "./memory/inspection.ts";
export type { CounterName, Counts } from "./metrics/counters.ts";
export type { HostParts, Interceptor } from "./agents/host_parts.ts";
export type { Cancel, Clock } from "./base/clock.ts";
export type { KernelParts } from "./system.ts";

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
  /** Hosts, all of them in this thread. Default 2. Host 0 stands for the main thread. */
  hosts?: number;
  /** Hosts that may be started in the place of killed ones. Default 0. */
  spares?: number;
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
  readonly #assembled: AssembledHost[] = [];
  readonly #plan: (index: number) => HostPlan;
  readonly #parts: HostParts | undefined;
  readonly #registry: AgentRegistry;
  readonly #supervisor: Supervisor;
  readonly #random: Random;
  /** What agents logged and how they failed. */
  readonly notes: unknown[] = [];

  /** Builds the hosts; nothing turns yet. */
  constructor(options: SimulationOptions) {
    const { hosts = 2, spares = 0, seed = 1, behaviors } = options;
    this.seed = seed;
    this.#parts = options.parts;
    this.#random = new Random(seed);
    const settings: HostSettings = {
      agentsMax: 1_000,
      inboxMessagesMax: INBOX_MESSAGES_MAX,
      sendTimeoutMs: SEND_TIMEOUT_MS,
      deadLettersMax: DEAD_LETTERS_KEPT_MAX + LARGE_DEAD_LETTERS_KEPT_MAX,
      timesDeliveries: true,
      debug: true,
      ...options.settings,
    };
    const layout = planLayout({
      ...{ hosts: hosts + spares, agentSlots: settings.agentsMax + 64, sharedBufferBytes: 32 * 2 ** 20, storeBytes: 2 ** 20 },
    });
    this.#layout = layout;
    const memory = this.#memory = allocateMemory(layout.totalBytes);
    this.#plan = (index) => ({ index, layout, settings, behaviors, cores: 0 });
    memory.words[HEADER.hostsStarted >> 2] = hosts;
    for (let index = 0; index < hosts; index++) this.#assemble(index);
    const main = this.#assembled[0].host;
    this.#registry = new AgentRegistry(main.directory);
    this.#supervisor = new Supervisor({
      ...{ main, memory, layout, registry: this.#registry },
      alive: () => this.#alive().filter((index) => index > 0),
      isDead: (host) => this.#stateOf(host) === HOST_STATE.dead,
      awaitHost: () => this.#replace(),
      emit: (name, data) => this.notes.push({ kind: name, ...data as object }),
    });
  }

  /** Hosts that were ever started. */
  get hosts(): number {
    return this.#assembled.length;
  }

  /** Index of the host on which an agent lives; −1 when there is none of that id. */
  hostOf(id: AgentId): number {
    return this.#assembled[0].host.directory.hostOf(id);
  }

  /** Host `index` (not 0) dies now: it turns no more, and the supervisor is told. Resolves (with turns) when its agents live elsewhere. */
  kill(index: number): Promise<Recovery> {
    store(this.#memory.words, hostField(this.#layout, index, HOST.state) >> 2, HOST_STATE.dead);
    return this.#supervisor.died(new HostDiedError(index, "killed by a test"));
  }

  #assemble(index: number): void {
    const registry = (): AgentRegistry => this.#registry;
    const office: Office = index > 0 ? {} : {
      onNote: (note) => {
        const snapshot = note as SnapshotNote & { kind: string };
        if (snapshot.kind === "snapshot") registry().keep(snapshot);
        else this.notes.push(note);
      },
      register: (ids, record) => registry().add(ids, record),
      calls: {
        register: (order) => {
          const { ids, record } = order as { ids: AgentId[]; record: AgentRecord };
          registry().add(ids, record);
        },
      },
      awaitHost: () => this.#replace(),
    };
    store(this.#memory.words, hostField(this.#layout, index, HOST.state) >> 2, HOST_STATE.running);
    this.#assembled[index] = assembleHost(this.#plan(index), this.#memory, this.clock, this.#parts, office);
  }

  #replace(): Promise<void> {
    const index = this.#assembled.length;
    if (index >= this.#layout.hosts) return Promise.reject(new KernelError("NO_HOST", "no spare host is left in this simulation."));
    store(this.#memory.words, HEADER.hostsStarted >> 2, index + 1);
    this.#assemble(index);
    return Promise.resolve();
  }

  #stateOf(host: number): number {
    return load(this.#memory.words, hostField(this.#layout, host, HOST.state) >> 2);
  }

  #alive(): number[] {
    return [...this.#assembled.keys()].filter((index) => this.#stateOf(index) === HOST_STATE.running);
  }

  /** One host. */
  host(index: number): SimulatedHost {
    const { host } = this.#assembled[index];
    return {
      get counts(): Counts {
        return host.metrics.read();
      },
      turn: () => host.turn(),
      send: (from, to, payload, options) => host.send(from, to, payload, options),
      ask: (from, to, payload, options) => host.ask(from, to, payload, options),
      spawn: (type, config) => host.spawn(type, config),
      spawnMany: (type, count, config) => host.desk.spawnMany(type, count, config),
      terminate: (id) => host.desk.terminate(id),
      deadLetters: () => host.letters.list(),
    };
  }

  /** Turns hosts in seeded order until none finds anything, letting promises settle between turns; at most `turnsMax`. */
  async settle(turnsMax = 100_000): Promise<void> {
    let idle = 0;
    for (let turn = 0; turn < turnsMax && idle < 4 * this.#assembled.length; turn++) {
      const alive = this.#alive();
      const index = alive[this.#random.below(alive.length)];
      const done = this.#turn(index);
      for (let step = 0; step < 8; step++) await null;
      idle = done > 0 || alive.some((index) => this.#assembled[index].host.ready) ? 0 : idle + 1;
    }
  }

  /** One turn of a host; one that is killed in the middle of it ends it as a thread does that was given up: by an error at its next step. */
  #turn(index: number): number {
    try {
      return this.#assembled[index].host.turn();
    } catch (error) {
      if (this.#stateOf(index) === HOST_STATE.dead) return 1;
      throw error;
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

/** How a thread may end. */
export type ThreadEnd = "throw" | "exit" | "hang" | "heap";

/** How a test ends a thread. */
interface Killing {
  /** By an exception that nobody catches, by leaving, by a loop without end, by filling its heap. */
  readonly how: ThreadEnd;
  /** From its first message on. */
  readonly afterMs: number;
  /** Index of the thread. Default 1. */
  readonly host?: number;
  /** Counts from the first message that nobody waits for. */
  readonly underLoad?: boolean;
  /** Length of the loop: long enough to be given up, not for ever, for such a thread cannot be ended and would outlive the test. Default 4,000. */
  readonly hangMs?: number;
}

/** Ends thread `host`, `afterMs` after its first message. */
export function killThread(how: ThreadEnd, afterMs: number, host = 1, hangMs?: number): KernelParts {
  return killing({ how, afterMs, host, hangMs }, "");
}

/** The same, from the first message on that nobody waits for: a load's first, however long the asks before it take that build its population. */
export function killThreadUnderLoad(how: ThreadEnd, afterMs: number, host = 1, hangMs?: number): KernelParts {
  return killing({ how, afterMs, host, hangMs, underLoad: true }, "");
}

/** The same as `killThread`, and every tenth of its agents cannot be made again elsewhere. */
export function loseAgents(how: ThreadEnd, afterMs: number, host = 1): KernelParts {
  const fault = `throw new Error("not made again, by a test")`;
  return killing({ how, afterMs, host }, `start: (id, moved) => { if (moved && ++moves % 10 === 0) ${fault}; return "start"; },`);
}

function killing({ how, afterMs, host = 1, hangMs = 4_000, underLoad = false }: Killing, start: string): KernelParts {
  const ends: Readonly<Record<ThreadEnd, string>> = {
    throw: `throw new Error("killed by a test")`,
    exit: `Deno.exit(3)`,
    hang: `const until = Date.now() + ${hangMs}; while (Date.now() < until);`,
    heap: `const full = []; for (;;) full.push(new Array(100_000).fill(full.length))`,
  };
  return workers(
    `interceptor: (host) => { let armed = host !== ${host}; let moves = 0; return { ${start} deliver: (_to, awaited) => { ` +
      `if (!armed${underLoad ? " && !awaited" : ""}) { armed = true; setTimeout(() => { ${
        ends[how]
      }; }, ${afterMs}); } return "handle"; } }; }`,
  );
}

/** Agents of one type of the team answer something else than what they were asked for. */
export function wrongAnswers(type = "coder"): KernelParts {
  const wrong = `{ onMessage(message, ctx) { ctx.reply({ text: "wrong" }); } }`;
  const text = `export default Object.defineProperty(${wrong}, Symbol.for("@stage3/kernel.behavior"), { value: true });`;
  return { behaviors: { [type]: `data:text/javascript,${encodeURIComponent(text)}` } };
}

function workers(body: string): KernelParts {
  return { workersUrl: `data:text/javascript,${encodeURIComponent(`export default { ${body} };`)}` };
}
