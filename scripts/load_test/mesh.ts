/**
 * The load test's agents as the main thread directs them, by the manager's public face: spawns members and drivers, has them send, and waits until the
 * receivers have counted what was sent.
 *
 * @module
 */
import { SystemClock } from "../../core/base/clock.ts";
import type { AgentId } from "../../core/agents/agent.ts";
import { Kernel } from "../../core/kernel.ts";
import type { KernelParts } from "../../core/system.ts";
import { pause } from "../../core/validation/pause.ts";
import type { MeshOrder, MeshState } from "./mesh_agent.ts";
import meshText from "./mesh_agent.bundle.js" with { type: "text" };
import { MeshLedger } from "./mesh_ledger.ts";
import type { LoadPlan } from "./plans.ts";

/** How members write to each other. */
export type MeshShape = Pick<LoadPlan, "agents" | "payloadBytes" | "concurrency">;

/** What went wrong with the kernel itself so far. */
export interface Troubles {
  /** Threads that died. */
  readonly hostsDied: number;
  /** Handlers that threw, agents that were lost. */
  readonly agentsFailed: number;
}

/** What a wait for deliveries came to. */
export interface Waited {
  /** Everything was delivered. */
  readonly complete: boolean;
  /** Longest time in which nothing was handled though something was on its way. */
  readonly standstillMs: number;
}

/** Options of a mesh. */
export interface MeshOptions {
  /** Worker threads. */
  readonly threads: number;
  /** Nothing handled for so long: what is missing is taken for lost. */
  readonly patienceMs: number;
  /** Faults of a negative control. */
  readonly parts?: KernelParts;
  /** Ends waits early. */
  readonly signal?: AbortSignal;
}

const TYPE = "mesh";
const LOOK_MS = 2;
/** The drivers of all threads begin at the same instant. */
const LEAD_MS = 20;
/** A driver answers between its turns. */
const ORDER_TIMEOUT_MS = 20_000;
/** Once everything has stopped, memory that is on its way to be given back has so long. */
const SETTLE_MS_MAX = 1_000;

/** See the module. */
export class Mesh implements AsyncDisposable {
  /** What the threads count. */
  readonly ledger: MeshLedger = new MeshLedger();
  /** The real thing. */
  readonly manager: Kernel;
  readonly #options: MeshOptions;
  readonly #clock = new SystemClock(0);
  readonly #drivers: AgentId[] = [];
  #members: AgentId[] = [];
  #hostsDied = 0;
  #agentsFailed = 0;

  /** Starts nothing. */
  constructor(options: MeshOptions) {
    this.#options = options;
    const behaviors = { [TYPE]: `data:text/javascript,${encodeURIComponent(meshText)}#${this.ledger.key}` };
    // A thread that hangs under a load that the machine cannot carry is late, not dead.
    this.manager = new Kernel({ threads: options.threads, behaviors, hangTimeoutMs: 5_000 }, options.parts);
    this.manager.on("host:died", () => this.#hostsDied++);
    for (const event of ["agent:failed", "agent:lost", "agent:error"]) this.manager.on(event, () => this.#agentsFailed++);
  }

  /** See `Troubles`. */
  get troubles(): Troubles {
    return { hostsDied: this.#hostsDied, agentsFailed: this.#agentsFailed };
  }

  /** Members that live, as the kernel counts. */
  get membersAlive(): number {
    return this.manager.inspectMemory().agentsLive - this.#drivers.length;
  }

  /** Starts the threads, each with its driver. */
  async open(): Promise<void> {
    await this.manager.initialize();
    for (let host = 1; host <= this.#options.threads; host++) {
      this.#drivers.push(await this.manager.spawnAgent(TYPE, { host, state: { role: "driver" } satisfies MeshState }));
    }
  }

  /** Spawns members, spread over the threads, introduces them to each other, and has all counts begin at 0. */
  async populate(shape: MeshShape): Promise<void> {
    for (let number = this.#members.length; number < shape.agents; number++) {
      const state: MeshState = { role: "member", number };
      this.#members.push(await this.manager.spawnAgent(TYPE, { host: this.#hostOf(number), state }));
    }
    this.ledger.reset();
    const hosts = this.#members.map((_, number) => this.#hostOf(number));
    const { payloadBytes, concurrency } = shape;
    await this.#tellAll(() => ({ do: "meet", ids: this.#members, hosts, payloadBytes, concurrency }));
  }

  /** Ends all members, and waits for shared memory to be as it was. */
  async disband(): Promise<void> {
    const leaving = this.#members;
    this.#members = [];
    await this.#tellAll(() => ({ do: "stop" }));
    await Promise.allSettled(leaving.map((id) => this.manager.terminateAgent(id))); // one that is lost is gone already
    for (let waited = 0; waited < SETTLE_MS_MAX; waited += 10 * LOOK_MS) {
      const { slotsInUse, ringBytesInUse, slabsInUse } = this.manager.inspectMemory();
      if (slotsInUse === this.#drivers.length && ringBytesInUse + slabsInUse === 0) return;
      await pause(10 * LOOK_MS);
    }
  }

  /** Closed loop: every member sends so many messages, and as many must have been handled in all as `total` says. */
  async round(messagesPerAgent: number, total: number, onLook: () => void): Promise<Waited & { durationMs: number }> {
    this.ledger.resetTimes();
    await this.#tellAll(() => ({ do: "round", messages: messagesPerAgent }));
    const waited = await this.#delivered(total, onLook);
    return { ...waited, durationMs: this.ledger.roundMs };
  }

  /** Open loop: so many messages a second, over all members. */
  async openLoop(messagesPerSecond: number, messages: number, onLook: () => void): Promise<Waited & { durationMs: number }> {
    this.ledger.resetTimes();
    const startAt = this.manager.clock.now() + LEAD_MS;
    const { threads } = this.#options;
    await this.#tellAll((driver) => {
      const members = this.#members.filter((_, number) => this.#hostOf(number) === driver + 1).length;
      const upTo = this.#members.filter((_, number) => this.#hostOf(number) <= driver).length;
      const share = (count: number): number => Math.floor(messages * count / this.#members.length);
      const own = share(upTo + members) - share(upTo);
      const rate = messagesPerSecond * members / this.#members.length;
      // Threads take turns rather than all sending at the same instants.
      return { do: "open", startAt: startAt + (driver / threads) * 1_000 / messagesPerSecond, gapMs: 1_000 / rate, messages: own };
    });
    const waited = await this.#delivered(messages, onLook);
    return { ...waited, durationMs: this.ledger.roundMs };
  }

  /** Stops the threads. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.manager.shutdown();
    this.ledger.close();
  }

  async #delivered(total: number, onLook: () => void): Promise<Waited> {
    const { patienceMs, signal } = this.#options;
    let last = this.ledger.sum("delivered");
    let movedAt = this.#clock.now();
    let standstillMs = 0;
    while (last < total && !signal?.aborted) {
      await pause(LOOK_MS, signal);
      const delivered = this.ledger.sum("delivered");
      const now = this.#clock.now();
      if (delivered !== last) movedAt = now;
      // Nothing is on its way before the first message is due.
      else if (this.ledger.sum("sent") > delivered) standstillMs = Math.max(standstillMs, now - movedAt);
      if (now - movedAt > patienceMs) return { complete: false, standstillMs };
      last = delivered;
      onLook();
    }
    return { complete: last >= total, standstillMs };
  }

  async #tellAll(order: (driver: number) => MeshOrder): Promise<void> {
    await Promise.all(this.#drivers.map((id, driver) => this.manager.ask(id, order(driver), { timeoutMs: ORDER_TIMEOUT_MS })));
  }

  #hostOf(number: number): number {
    return 1 + number % this.#options.threads;
  }
}
