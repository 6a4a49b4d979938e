/**
 * The load as the main thread directs it: one generator and one marker on each worker thread, and the peers that come and go between them.
 *
 * @module
 */
import type { AgentId } from "../agents/agent.ts";
import { Random } from "../base/random.ts";
import type { Kernel } from "../kernel.ts";
import { Histogram } from "../metrics/histogram.ts";
import type { LoadCommand, LoadReport, LoadState } from "./load_agent.ts";
import loadText from "./load_agent.bundle.js" with { type: "text" };
import type { ScenarioPlan } from "./scenarios.ts";

/** Name under which the manager knows the load's behavior. */
export const LOAD_TYPE = "load";
/** The load's behavior as a module that needs no permission to be imported. */
export const LOAD_BEHAVIOR_URL: string = `data:text/javascript,${encodeURIComponent(loadText)}`;
/** Agents of the load that are not peers: a generator and a marker on each thread. */
export const HELPERS_PER_THREAD = 2;
/** Agents replaced in one step: a step is a few ms, and while it lasts so many are fewer, so so many more are kept. */
export const CHURN_STEP_MAX = 64;
/** Spawn order of the first population: as many as a frame names. */
const RAMP_BATCH = 512;
/** Generators answer between turns; a machine at its limit may be this slow. */
const COMMAND_TIMEOUT_MS = 20_000;
const PEER: LoadState = { role: "peer" };

/** Peers that a scenario keeps alive beyond its number, so that replacing some never falls short of it. */
export function spareAgents(plan: ScenarioPlan): number {
  return Math.min(CHURN_STEP_MAX, Math.ceil(plan.agents / 4));
}

/** Directs the load of one scenario. */
export class LoadDirector {
  /** From the call of a spawn to the agent being ready, under load, in µs. */
  readonly spawnTime: Histogram = Histogram.private();
  /** Peers spawned. */
  spawned = 0;
  /** Peers terminated and spawned anew under load. */
  churned = 0;
  /** Asks and tasks sent so far by the director and, for it, by the generators: each is two messages that are not the load's. */
  requests = 0;
  readonly #random: Random;
  readonly #peers: AgentId[][];
  #generators: AgentId[] = [];
  #markers: AgentId[] = [];

  /** Works through the manager's public face. */
  constructor(private readonly manager: Kernel, private readonly threads: number, private readonly plan: ScenarioPlan, seed: number) {
    this.#random = new Random(seed);
    this.#peers = Array.from({ length: threads }, () => []);
  }

  /** Places generators and markers, then the peers, and introduces them to each other. */
  async prepare(signal: AbortSignal): Promise<void> {
    this.#generators = await this.#placeOne({ role: "generator" });
    this.#markers = await this.#placeOne({ role: "marker" });
    await this.#tellAll((index) => ({ do: "prepare", seed: this.#random.seed + index + 1, corpus: loadText, markers: this.#markers }));
    const total = this.plan.agents + spareAgents(this.plan);
    for (let host = 0; host < this.threads; host++) {
      let missing = Math.floor(total / this.threads) + (host < total % this.threads ? 1 : 0);
      for (; missing > 0; missing -= RAMP_BATCH) {
        signal.throwIfAborted();
        const ids = await this.manager.spawnAgentBatch(LOAD_TYPE, Math.min(RAMP_BATCH, missing), { host: host + 1, state: PEER });
        this.#peers[host].push(...ids);
        this.spawned += ids.length;
      }
    }
    await this.#meetAll(this.#peers);
  }

  /** Starts the generators. */
  async run(startAt: number): Promise<void> {
    const messagesPerSecond = this.plan.messagesPerSecond / this.threads;
    await this.#tellAll(() => ({ do: "run", startAt, durationMs: this.plan.durationMs, messagesPerSecond }));
  }

  /** Stops the generators before their time. */
  async stop(): Promise<void> {
    await this.#tellAll(() => ({ do: "stop" }));
  }

  /** Replaces `count` agents: they leave the generators' lists, are terminated, and then as many are spawned on the same threads. */
  async churn(count: number): Promise<void> {
    const leaving = Array.from({ length: this.threads }, (): AgentId[] => []);
    for (let step = 0; step < count; step++) {
      const host = this.#random.below(this.threads);
      const peers = this.#peers[host];
      if (peers.length < 2) continue;
      const place = this.#random.below(peers.length);
      leaving[host].push(peers[place]);
      peers[place] = peers[peers.length - 1];
      peers.pop();
    }
    await this.#tellAll(() => ({ do: "retire", ids: leaving.flat() }));
    this.requests += this.threads * this.threads; // each generator asked every marker
    await Promise.all(leaving.flat().map((id) => this.manager.terminateAgent(id)));
    const joining = await Promise.all(leaving.map((ids, host) => Promise.all(ids.map(() => this.#spawnTimed(host + 1)))));
    joining.forEach((ids, host) => this.#peers[host].push(...ids));
    this.churned += joining.flat().length;
    await this.#meetAll(joining);
  }

  /** A peer to give a task to. */
  anyPeer(): AgentId {
    const peers = this.#peers[this.#random.below(this.threads)];
    return peers[this.#random.below(peers.length)];
  }

  /** What each thread counted. */
  async report(): Promise<LoadReport[]> {
    return await this.#tellAll(() => ({ do: "report" })) as LoadReport[];
  }

  /** Ends every agent of the scenario; returns how many could not be ended. */
  async clear(): Promise<number> {
    const all = [...this.#peers.flat(), ...this.#generators, ...this.#markers];
    let failed = 0;
    for (let at = 0; at < all.length; at += RAMP_BATCH) {
      const outcomes = await Promise.allSettled(all.slice(at, at + RAMP_BATCH).map((id) => this.manager.terminateAgent(id)));
      failed += outcomes.filter((outcome) => outcome.status === "rejected").length;
    }
    return failed;
  }

  async #spawnTimed(host: number): Promise<AgentId> {
    const startedAt = this.manager.clock.now();
    const id = await this.manager.spawnAgent(LOAD_TYPE, { host, state: PEER });
    this.spawnTime.record((this.manager.clock.now() - startedAt) * 1_000);
    this.spawned++;
    return id;
  }

  #placeOne(state: LoadState): Promise<AgentId[]> {
    return Promise.all(Array.from({ length: this.threads }, (_, index) => this.manager.spawnAgent(LOAD_TYPE, { host: index + 1, state })));
  }

  /** Tells each generator of the peers on the other threads. */
  async #meetAll(peers: readonly AgentId[][]): Promise<void> {
    if (this.threads < 2) return;
    await this.#tellAll((index) => ({ do: "meet", elsewhere: peers.filter((_, host) => host !== index).flat() }));
  }

  #tellAll(command: (index: number) => LoadCommand): Promise<unknown[]> {
    this.requests += this.#generators.length;
    return Promise.all(this.#generators.map((id, index) => this.manager.ask(id, command(index), { timeoutMs: COMMAND_TIMEOUT_MS })));
  }
}
