/**
 * The load as the main thread directs it: on each worker thread a station with a generator, a marker and a crew of the team, and the peers that come
 * and go between them. When a thread dies its station is staffed anew on the thread that takes its place, and goes on where the dead one stopped.
 *
 * @module
 */
import type { AgentId } from "../agents/agent.ts";
import { isKernelError, KernelError } from "../base/errors.ts";
import { Random } from "../base/random.ts";
import type { Kernel } from "../kernel.ts";
import { Histogram } from "../metrics/histogram.ts";
import type { IncidentBook } from "./incidents.ts";
import type { LoadCommand, LoadState } from "./load_agent.ts";
import loadText from "./load_agent.bundle.js" with { type: "text" };
import { COUNT, type LoadLedger } from "./load_ledger.ts";
import { pause } from "./pause.ts";
import type { ScenarioPlan } from "./scenarios.ts";
import { type Crew, TEAM_WORK } from "./team_work.ts";

/** Name under which the manager knows the load's behavior. */
export const LOAD_TYPE = "load";
/** Agents of the load that are not peers: a generator, a marker and one of each type of the team on each thread. */
export const HELPERS_PER_THREAD: number = 2 + TEAM_WORK.length;
/** Agents replaced in one step: a step is a few ms, and while it lasts so many are fewer, so so many more are kept. */
export const CHURN_STEP_MAX = 64;
/** Spawn order of the first population: as many as a frame names. */
const RAMP_BATCH = 512;
/** Generators answer between turns; a machine at its limit may be this slow. */
const COMMAND_TIMEOUT_MS = 20_000;
/** A thread is given up after 5 s without a turn; then its agents are made again, and another starts. */
const RECOVERY_MS_MAX = 60_000;
const LOOK_MS = 5;
const PEER: LoadState = { role: "peer" };

/** The load's behavior as a module that needs no permission to be imported; its threads count in the ledger. */
export function loadBehaviorUrl(ledger: LoadLedger): string {
  return `data:text/javascript,${encodeURIComponent(loadText)}#${ledger.key}`;
}

/** Peers that a scenario keeps alive beyond its number, so that replacing some never falls short of it. */
export function spareAgents(plan: ScenarioPlan): number {
  return Math.min(CHURN_STEP_MAX, Math.ceil(plan.agents / 4));
}

/** What a director works with. */
export interface DirectorOptions {
  /** Reached by its public face. */
  readonly manager: Kernel;
  /** What the threads count. */
  readonly ledger: LoadLedger;
  /** Which threads there are. */
  readonly book: IncidentBook;
  /** The scenario. */
  readonly plan: ScenarioPlan;
  /** Of the load. */
  readonly seed: number;
}

/** The load of one thread. A dead thread's station moves to the thread that takes its place. */
interface Station {
  host: number;
  /** Every thread that it has been on, this one last. */
  readonly places: number[];
  generator: AgentId;
  marker: AgentId;
  readonly peers: AgentId[];
  /** Spawns on their way. */
  joining: number;
  /** Whether its generator is at work. */
  running: boolean;
}

/** Messages of the director and its helpers, which are not the load's. Between the two lies what a death cut off. */
export interface OwnMessages {
  /** Of all asks. */
  readonly asked: number;
  /** Of those that were answered. */
  readonly answered: number;
}

/** Directs the load of one scenario. */
export class LoadDirector {
  /** From the call of a spawn to the agent being ready, under load, in µs. */
  readonly spawnTime: Histogram = Histogram.private();
  /** Peers spawned. */
  spawned = 0;
  /** Spawns that a death cut off and that were tried again: their onStart may have run. */
  spawnsRepeated = 0;
  /** Peers terminated and spawned anew under load. */
  churned = 0;
  /** Peers that live on another thread since theirs died: their onStart ran once more. */
  restarted = 0;
  readonly #options: DirectorOptions;
  readonly #random: Random;
  readonly #stations: Station[] = [];
  /** The station of each peer that sends and receives. */
  readonly #homes = new Map<AgentId, Station>();
  /** Peers on their way out. */
  readonly #leaving = new Set<AgentId>();
  readonly #crews: Crew[] = [];
  #asked = 0;
  #answered = 0;
  #startAt = 0;
  #staffing: Promise<void> | null = null;

  /** Does nothing yet. */
  constructor(options: DirectorOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
  }

  /** See `OwnMessages`. */
  get own(): OwnMessages {
    const { ledger } = this.#options;
    return { asked: this.#asked + ledger.sum("ownAsked"), answered: this.#answered + ledger.sum("ownAnswered") };
  }

  /** Whether a thread has died and its station is not at work again. */
  get damaged(): boolean {
    const { book } = this.#options;
    return book.open || this.#stations.some(({ host, running }) => book.isDead(host) || (this.#startAt > 0 && !running));
  }

  /** Places generators, markers and crews, then the peers, and introduces them to each other. */
  async prepare(signal: AbortSignal): Promise<void> {
    const { manager, ledger, book, plan } = this.#options;
    ledger.reset();
    book.onMoved = (id, host) => this.#moved(id, host);
    for (const host of book.hosts) {
      this.#stations.push({ host, places: [host], generator: 0, marker: 0, peers: [], joining: 0, running: false });
    }
    await Promise.all(this.#stations.map((station) => this.#staff(station)));
    for (const { host } of this.#stations) {
      const crew = TEAM_WORK.map(async ({ type }) => [type, await manager.spawnAgent(type, { host })] as const);
      this.#crews.push(Object.fromEntries(await Promise.all(crew)) as Crew);
    }
    const total = plan.agents + spareAgents(plan);
    for (const [index, station] of this.#stations.entries()) {
      const threads = this.#stations.length;
      let missing = Math.floor(total / threads) + (index < total % threads ? 1 : 0);
      for (; missing > 0; missing -= RAMP_BATCH) {
        signal.throwIfAborted();
        const ids = await manager.spawnAgentBatch(LOAD_TYPE, Math.min(RAMP_BATCH, missing), { host: station.host, state: PEER });
        for (const id of ids) this.#settle(id, station);
        this.spawned += ids.length;
      }
    }
    await this.#introduceAll();
  }

  /** Starts the generators. */
  async run(startAt: number): Promise<void> {
    this.#startAt = startAt;
    await Promise.all(this.#stations.map((station) => this.#start(station, 0)));
  }

  /** Stops the generators before their time. */
  async stop(): Promise<void> {
    await this.#tellAll(() => ({ do: "stop" }));
  }

  /** Replaces `count` agents: they leave the generators' lists, are terminated, and then as many are spawned where there are fewest. */
  async churn(count: number): Promise<void> {
    const leaving = Array.from({ length: count }, () => this.#pickLeaving()).filter((id) => id !== undefined);
    // Told again when a thread died meanwhile: only what all threads have drained may go.
    while (!(await this.#tellAll(() => ({ do: "retire", ids: leaving })))) await this.#staffed();
    await Promise.all(leaving.map((id) => this.#end(id)));
    const joining = await Promise.all(leaving.map(() => this.#spawnTimed()));
    this.churned += joining.length;
    const elsewhere = (host: number): AgentId[] => joining.filter((id) => this.#homes.has(id) && this.#homes.get(id)!.host !== host);
    await this.#tellAll(({ host }) => ({ do: "meet", elsewhere: elsewhere(host) })); // who does not hear it is introduced to all anew
  }

  /** After a death: staffs the stations anew, gives them their share of the peers, and lets them go on where the dead ones stopped. */
  async repair(): Promise<void> {
    const { ledger, plan } = this.#options;
    while (this.damaged) {
      await this.#staffed();
      for (const station of this.#stations) {
        if (station.running || this.#startAt === 0) continue;
        if (station.peers.length === 0) await this.churn(Math.min(CHURN_STEP_MAX, spareAgents(plan)));
        if (station.peers.length === 0) break; // its new thread has died as well
        const scheduled = ledger.pages.map((page) => page.counts[COUNT.scheduled]);
        await this.#start(station, station.places.reduce((sum, host) => sum + scheduled[host], 0));
      }
    }
    while (!this.damaged && this.#spread() > 2 * CHURN_STEP_MAX) await this.churn(Math.min(CHURN_STEP_MAX, spareAgents(plan)));
  }

  /** A peer to give a task to; undefined while none lives. */
  anyPeer(): AgentId | undefined {
    const peopled = this.#stations.filter((station) => station.peers.length > 0);
    return peopled.length === 0 ? undefined : this.#pick(this.#pick(peopled).peers);
  }

  /** One ask or task of the runner's own; returns what to call once it has been answered. */
  askOwn(messages = 2): () => void {
    this.#asked += messages;
    return () => this.#answered += messages;
  }

  /** The last ask was not sent after all. */
  unaskOwn(messages = 2): void {
    this.#asked -= messages;
  }

  /** Ends every agent of the scenario; returns how many could not be ended. */
  async clear(): Promise<number> {
    const { manager, book } = this.#options;
    const helpers = [
      ...this.#stations.flatMap(({ generator, marker }) => [generator, marker]),
      ...this.#crews.flatMap((crew) => Object.values(crew)),
    ];
    const all = [...this.#homes.keys(), ...this.#leaving, ...helpers].filter((id) => id !== 0);
    let failed = 0;
    for (let at = 0; at < all.length; at += RAMP_BATCH) {
      const outcomes = await Promise.allSettled(all.slice(at, at + RAMP_BATCH).map((id) => manager.terminateAgent(id)));
      const gone = (reason: unknown): boolean => book.count > 0 && codeOf(reason) === "AGENT_NOT_FOUND"; // lost, and told as such
      failed += outcomes.filter((outcome) => outcome.status === "rejected" && !gone(outcome.reason)).length;
    }
    book.onMoved = () => {};
    return failed;
  }

  async #start(station: Station, first: number): Promise<void> {
    const { plan, book } = this.#options;
    const messagesPerSecond = plan.messagesPerSecond / book.hosts.length;
    const { durationMs } = plan;
    station.running = await this.#tell(station, { do: "run", startAt: this.#startAt, durationMs, messagesPerSecond, first });
  }

  /** A generator and a marker on its thread. */
  async #staff(station: Station): Promise<void> {
    const { manager, seed } = this.#options;
    const { host } = station;
    const helper = (role: "generator" | "marker"): Promise<AgentId> => manager.spawnAgent(LOAD_TYPE, { host, state: { role, host } });
    [station.generator, station.marker] = await Promise.all([helper("generator"), helper("marker")]);
    await this.#tell(station, { do: "prepare", seed: seed + host, corpus: loadText });
  }

  /** Resolves when every death so far has been dealt with by the kernel, and every station has its helpers on a thread that lives. */
  #staffed(): Promise<void> {
    this.#staffing ??= this.#restaff().finally(() => this.#staffing = null);
    return this.#staffing;
  }

  async #restaff(): Promise<void> {
    const { manager, book } = this.#options;
    const until = manager.clock.now() + RECOVERY_MS_MAX;
    while (book.open) {
      if (manager.clock.now() > until) {
        throw new KernelError("HOST_TIMEOUT", `a dead thread was not replaced within ${RECOVERY_MS_MAX} ms.`);
      }
      await pause(LOOK_MS);
    }
    if (book.failure !== undefined) throw book.failure.reason;
    for (const [index, station] of this.#stations.entries()) {
      if (!book.isDead(station.host)) continue;
      const helpers = [station.generator, station.marker];
      Object.assign(station, { host: book.hosts[index], generator: 0, marker: 0, running: false });
      station.places.push(station.host);
      // They live elsewhere now, where others do their work.
      await Promise.all(helpers.filter((id) => id !== 0).map((id) => this.#end(id)));
      await this.#staff(station).catch((error) => {
        if (codeOf(error) !== "HOST_DIED") throw error; // seen to in the next round
      });
    }
    await this.#introduceAll();
  }

  /** Tells each generator of all peers on other threads, of the markers and of the crews; what it knew of them is forgotten. */
  async #introduceAll(): Promise<void> {
    const markers = this.#stations.map((station) => station.marker);
    await this.#tellAll((station) => ({
      ...{ do: "introduce", markers, crews: this.#crews },
      elsewhere: this.#stations.filter((other) => other !== station).flatMap((other) => other.peers),
    }));
  }

  /** True when all generators did as they were told; false when one could not because a thread has died. */
  async #tellAll(command: (station: Station) => LoadCommand): Promise<boolean> {
    return (await Promise.all(this.#stations.map((station) => this.#tell(station, command(station))))).every((done) => done);
  }

  async #tell(station: Station, command: LoadCommand): Promise<boolean> {
    const { manager, book } = this.#options;
    if (station.generator === 0) return false;
    const answered = this.askOwn();
    try {
      const done = await manager.ask<boolean>(station.generator, command, { timeoutMs: COMMAND_TIMEOUT_MS });
      answered();
      return done;
    } catch (error) {
      if (book.count > 0 && ["HOST_DIED", "AGENT_NOT_FOUND"].includes(codeOf(error))) return false;
      throw error;
    }
  }

  /** Ends an agent; one that was lost with its thread is gone already. */
  async #end(id: AgentId): Promise<void> {
    try {
      await this.#options.manager.terminateAgent(id);
    } catch (error) {
      if (this.#options.book.count === 0 || codeOf(error) !== "AGENT_NOT_FOUND") throw error;
    }
    this.#leaving.delete(id);
  }

  /** One more peer where there are fewest; timed from the first attempt. */
  async #spawnTimed(): Promise<AgentId> {
    const { manager } = this.#options;
    const startedAt = manager.clock.now();
    for (;;) {
      const station = this.#stations.reduce((least, other) => size(other) < size(least) ? other : least);
      station.joining++;
      try {
        const id = await manager.spawnAgent(LOAD_TYPE, { host: station.host, state: PEER });
        this.spawnTime.record((manager.clock.now() - startedAt) * 1_000);
        this.spawned++;
        this.#settle(id, station);
        return id;
      } catch (error) {
        if (codeOf(error) !== "HOST_DIED") throw error;
        this.spawnsRepeated++;
      } finally {
        station.joining--;
      }
      await this.#staffed();
    }
  }

  #settle(id: AgentId, station: Station): void {
    station.peers.push(id);
    this.#homes.set(id, station);
  }

  /** Takes a peer out of the load: of any station, or of the fullest when one has far more than another. */
  #pickLeaving(): AgentId | undefined {
    const full = this.#stations.reduce((most, other) => other.peers.length > most.peers.length ? other : most);
    const { peers } = this.#spread() > CHURN_STEP_MAX ? full : this.#pick(this.#stations);
    if (peers.length < 2) return undefined;
    const at = this.#random.below(peers.length);
    const id = peers[at];
    this.#unsettle(id, at);
    this.#leaving.add(id);
    return id;
  }

  #unsettle(id: AgentId, at?: number): void {
    const { peers } = this.#homes.get(id)!;
    const last = peers.pop()!;
    if (last !== id) peers[at ?? peers.indexOf(id)] = last;
    this.#homes.delete(id);
  }

  /** An agent lives on another thread now, or was lost (host −1). */
  #moved(id: AgentId, host: number): void {
    const home = this.#homes.get(id);
    if (host >= 0 && (home !== undefined || this.#leaving.has(id))) this.restarted++;
    if (home === undefined) return;
    const next = this.#stations[this.#options.book.hosts.indexOf(host)] ?? home; // a thread too new to be known takes its own station's place
    this.#unsettle(id);
    if (host >= 0) this.#settle(id, next);
  }

  #spread(): number {
    const sizes = this.#stations.map((station) => station.peers.length);
    return Math.max(...sizes) - Math.min(...sizes);
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#random.below(list.length)];
  }
}

function size({ peers, joining }: Station): number {
  return peers.length + joining;
}

function codeOf(error: unknown): string {
  return isKernelError(error) ? error.code : "";
}
