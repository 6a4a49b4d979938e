/**
 * What the main thread does when a worker thread has died or been given up: its agents are made again on other threads, its messages fare as promised.
 *
 * ```
 * dead   fence word set; what it had committed is published in its name; its agents are MOVING: senders wait
 * heirs  the frames it had parked, and those between dead hosts, are taken over; every living host takes its own back (bereavement.ts)
 * anew   each agent is made on the least loaded thread, restored if it can be, with the messages that waited for it; then it is READY
 * ```
 * A message whose handler had been entered may have run: it is kept as a dead letter, or handled once more if it was sent with `ack`.
 *
 * @module
 */
import type { HostDiedError } from "../base/errors.ts";
import { SPAWN_IDS_PER_CALL_MAX, SPAWN_TIMEOUT_MS } from "../base/limits.ts";
import { emptyEnvelope, readEnvelope } from "../bus/envelope.ts";
import type { AgentId } from "../bus/message.ts";
import { Doorbell } from "../memory/doorbell.ts";
import { LANE_ORDINARY, LANE_URGENT, type Layout, ringAt } from "../memory/layout.ts";
import { clearParked, parkedBy } from "../memory/parking_lot.ts";
import { FRAME_MARK, RingBuffer } from "../memory/ring_buffer.ts";
import type { SharedMemory } from "../memory/shared_memory.ts";
import { COUNT, HostMetrics } from "../metrics/counters.ts";
import type { AgentHost } from "./agent_host.ts";
import type { Stranded } from "./agent_directory.ts";
import type { AgentRecord, AgentRegistry } from "./agent_registry.ts";
import { asKept, copyOf, type DeathNotice, fateOf, type Reclaimed } from "./bereavement.ts";
import { HostPulse } from "./host_pulse.ts";
import { AGENT_STATE } from "./lifecycle.ts";
import { Replies } from "./replies.ts";
import type { InheritedFrame, Luggage, MakeResult } from "./residents.ts";

/** Deaths of a thread while the same agent's function ran, after which that agent is not made again: it kills whatever hosts it. */
const KILLS_MAX = 2;
/** Luggage of one order; with its envelope it stays well under the largest message. */
const LUGGAGE_BYTES_MAX = 256 * 1024;

/** What became of a dead thread's agents and messages. */
export interface Recovery {
  /** Index of the thread. */
  readonly host: number;
  /** What is known of its end. */
  readonly why: string;
  /** Agents that live elsewhere now. */
  readonly agentsMoved: number;
  /** Of them, those with their last snapshot. */
  readonly agentsRestored: number;
  /** Agents that could not be made again. */
  readonly agentsLost: number;
  /** Messages that are handled elsewhere. */
  readonly messagesMoved: number;
  /** Messages whose handler had been entered: dead letters with reason `host-died`. */
  readonly messagesInterrupted: number;
  /** Messages that waited in its private memory, for no slab was free: only their number is known. They count as dead letters. */
  readonly messagesLost: number;
  /** Dead letters that it had kept: counted before, and now gone. */
  readonly lettersLost: number;
  /** From the death being noticed to the last agent being ready. */
  readonly durationMs: number;
}

/** What the supervisor works with. */
export interface SupervisorOptions {
  /** The main thread's host. */
  readonly main: AgentHost;
  /** The arena. */
  readonly memory: SharedMemory;
  /** Its plan. */
  readonly layout: Layout;
  /** How agents are made. */
  readonly registry: AgentRegistry;
  /** Hosts that live, the main thread excluded. */
  readonly alive: () => readonly number[];
  /** Whether a host has been given up. */
  readonly isDead: (host: number) => boolean;
  /** Resolves when a thread takes agents again; rejects when none can be started. */
  readonly awaitHost: () => Promise<void>;
  /** Tells the outside. */
  readonly emit: (name: "host:recovered" | "agent:restarted" | "agent:lost", data: unknown) => void;
}

/** The main thread's supervisor. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  /** Messages of agents that are not ready yet. Bounded by the rings and slabs they came from. */
  readonly #luggage = new Map<AgentId, InheritedFrame[]>();
  readonly #kills = new Map<AgentId, number>();
  #busy: Promise<void> = Promise.resolve();

  /** Nobody has died. */
  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** A host's fence word has just been set. Resolves when its agents live elsewhere. */
  died(error: HostDiedError): Promise<Recovery> {
    const { main, memory, layout, isDead } = this.#options;
    const { host, why } = error;
    const startedAt = main.clock.now();
    const killer = new HostPulse(memory, layout, host).running;
    const lost = this.#publish(host);
    main.failCalls(host, error);
    const stranded = main.directory.strand(host, isDead);
    for (const id of stranded.moving) this.#luggage.delete(id); // its last home had taken them over
    const recovery = this.#busy.then(async () => {
      const counts = await this.#settle(host, why, stranded, killer);
      const outcome: Recovery = { host, why, ...counts, ...lost, durationMs: main.clock.now() - startedAt };
      this.#options.emit("host:recovered", outcome);
      return outcome;
    });
    this.#busy = recovery.then(() => undefined, () => undefined); // whoever called has the error
    return recovery;
  }

  /** What it had committed was sent, as its senders were told: others may see it. Returns what is lost with its private memory. */
  #publish(dead: number): Pick<Recovery, "messagesLost" | "lettersLost"> {
    const { main, memory, layout } = this.#options;
    const { counts } = new HostMetrics(memory, layout, dead);
    const [messagesLost, lettersLost] = [counts[COUNT.parkedAside], counts[COUNT.lettersKept]];
    main.metrics.counts[COUNT.deadLettered] += messagesLost;
    counts[COUNT.pending] = counts[COUNT.parkedAside] = counts[COUNT.lettersKept] = 0;
    for (let peer = 0; peer < layout.hosts; peer++) {
      const lanes = [LANE_ORDINARY, LANE_URGENT].map((lane) => new RingBuffer(memory, ringAt(layout, dead, peer, lane)).publishForDead());
      if (lanes.some((published) => published)) new Doorbell(memory, layout, peer).ringAlways();
    }
    return { messagesLost, lettersLost };
  }

  async #settle(
    host: number,
    why: string,
    stranded: Stranded,
    killer: AgentId,
  ): Promise<Omit<Recovery, "host" | "why" | "messagesLost" | "lettersLost" | "durationMs">> {
    const { main, alive, awaitHost } = this.#options;
    const inherited = this.#inherit(host, new Set(stranded.still));
    const told = await Promise.all([0, ...alive()].map(async (peer): Promise<Reclaimed> => {
      const kept = inherited.correlations.filter((correlation) => Replies.hostOf(correlation) === peer);
      const notice: DeathNotice = { host, why, kept };
      try {
        return await main.call(peer, "bereave", notice, SPAWN_TIMEOUT_MS) as Reclaimed;
      } catch (error) { // it has died itself, or is about to be given up: its own death is dealt with next
        main.notices.send({ kind: "bereave-failed", host: peer, error });
        return { moved: 0, interrupted: 0 };
      }
    }));
    let canMove = true;
    if (stranded.moving.length + stranded.still.length > 0 && main.desk.placeable().length === 0) {
      canMove = await awaitHost().then(() => true, () => false);
    }
    let lost = killer !== 0 && this.#countKill(killer) >= KILLS_MAX && this.#lose(killer, host, why) ? 1 : 0;
    const agents = canMove ? await this.#revive([...stranded.moving, ...stranded.still]) : { moved: 0, restored: 0 };
    for (const id of [...stranded.moving, ...stranded.still]) if (this.#lose(id, host, why)) lost++;
    await this.#forward();
    return {
      ...{ agentsMoved: agents.moved, agentsRestored: agents.restored, agentsLost: lost },
      messagesMoved: inherited.moved + told.reduce((sum, { moved }) => sum + moved, 0),
      messagesInterrupted: inherited.interrupted + told.reduce((sum, { interrupted }) => sum + interrupted, 0),
    };
  }

  #countKill(agent: AgentId): number {
    const kills = (this.#kills.get(agent) ?? 0) + 1;
    this.#kills.set(agent, kills);
    return kills;
  }

  /** Takes over what the dead host had parked, and what dead hosts had sent each other. */
  #inherit(dead: number, still: ReadonlySet<AgentId>): { correlations: number[]; moved: number; interrupted: number } {
    const { main, memory, layout, isDead } = this.#options;
    const found = { correlations: [] as number[], moved: 0, interrupted: 0 };
    const envelope = emptyEnvelope();
    const take = (at: number, bytes: number, mark: number, producer: number): void => {
      const fate = fateOf(memory, at, bytes, mark);
      const frame = copyOf(memory, at, bytes, mark);
      readEnvelope(memory, at, bytes, envelope);
      // Copies of what is still here, on its way to an agent that had not arrived.
      if (still.has(envelope.to)) return;
      if (fate === "moves") {
        found.moved++;
        if (envelope.correlation !== 0) found.correlations.push(envelope.correlation);
        const frames = this.#luggage.get(envelope.to) ?? [];
        this.#luggage.set(envelope.to, frames);
        frames.push({ frame, producer });
      } else if (fate !== "forgotten") {
        if (fate === "interrupted") found.interrupted++;
        main.buryFrame(asKept(frame, producer), "host-died", fate === "reply");
      } else if (mark !== FRAME_MARK.done) main.release(asKept(frame, producer));
    };
    for (const { at, bytes, begun, producer } of parkedBy(memory, layout, dead)) {
      take(at, bytes, begun ? FRAME_MARK.begun : FRAME_MARK.fresh, producer);
    }
    clearParked(memory, layout, dead);
    for (let peer = 1; peer < layout.hosts; peer++) {
      if (!isDead(peer)) continue;
      for (const [from, to] of peer === dead ? [[dead, dead]] : [[peer, dead], [dead, peer]]) {
        for (const lane of [LANE_ORDINARY, LANE_URGENT]) {
          new RingBuffer(memory, ringAt(layout, from, to, lane)).reclaim((at, bytes, mark) => take(at, bytes, mark, from));
        }
      }
    }
    return found;
  }

  /** Makes agents again, spread over the threads. */
  async #revive(ids: readonly AgentId[]): Promise<{ moved: number; restored: number }> {
    const { main, registry, emit } = this.#options;
    const hosts = main.desk.placeable();
    const loads = hosts.map((host) => main.directory.placedOn(host));
    const orders = new Map<AgentRecord, Luggage[][]>();
    for (const id of ids) {
      const record = registry.get(id);
      if (record === undefined || main.directory.stateOf(id) !== AGENT_STATE.moving) continue;
      const least = loads.indexOf(Math.min(...loads));
      loads[least]++;
      if (!main.directory.rehost(id, hosts[least])) continue;
      const perHost = orders.get(record) ?? hosts.map((): Luggage[] => []);
      orders.set(record, perHost);
      perHost[least].push({ id, snapshot: registry.snapshotOf(id), frames: parcels(this.#luggage.get(id) ?? [])[0] });
    }
    const outcome = { moved: 0, restored: 0 };
    const made = [...orders].flatMap(([record, perHost]) =>
      perHost.flatMap((all, index) =>
        chunks(all).map(async (moved) => {
          const order = { type: record.type, config: record.config, ids: moved.map(({ id }) => id), warm: false, moved };
          const failed = await main.call(hosts[index], "spawn", order, SPAWN_TIMEOUT_MS).then(
            (result) => (result as MakeResult).failed,
            () => order.ids, // that host has died too, or it hangs: its agents are still MOVING
          );
          for (const { id, snapshot } of moved) {
            if (failed.includes(id) && main.directory.stateOf(id) !== AGENT_STATE.ready) continue;
            const [, ...rest] = parcels(this.#luggage.get(id) ?? []);
            this.#luggage.delete(id);
            await this.#hand(id, rest);
            outcome.moved++;
            if (snapshot !== undefined) outcome.restored++;
            emit("agent:restarted", { agentId: id, type: record.type, host: hosts[index], restored: snapshot !== undefined });
          }
        })
      )
    );
    await Promise.all(made);
    return outcome;
  }

  /** Gives an agent up that could not be made again; false when it lives, or its new thread has died and it will be seen to with that. */
  #lose(id: AgentId, dead: number, why: string): boolean {
    const { main, isDead, emit } = this.#options;
    const host = main.directory.hostOf(id);
    if (main.directory.stateOf(id) !== AGENT_STATE.moving || (host !== dead && isDead(host))) return false;
    if (!main.directory.become(id, AGENT_STATE.moving, AGENT_STATE.stopping)) return false;
    main.directory.free(id, AGENT_STATE.stopping);
    for (const { frame, producer } of this.#luggage.get(id) ?? []) main.buryFrame(asKept(frame, producer), "agent-terminated", true);
    this.#luggage.delete(id);
    emit("agent:lost", { agentId: id, why });
    return true;
  }

  /** Messages of agents that arrived before their luggage: those of a thread that died while another's death was dealt with. */
  async #forward(): Promise<void> {
    const { main } = this.#options;
    for (const [id, frames] of [...this.#luggage]) {
      const state = main.directory.stateOf(id);
      if (state === AGENT_STATE.moving) continue;
      this.#luggage.delete(id);
      await this.#hand(id, parcels(frames));
    }
  }

  /** Hands messages to an agent that is ready, as many at a time as a call can carry; those of one that is not are dead letters. */
  async #hand(id: AgentId, parts: readonly InheritedFrame[][]): Promise<void> {
    const { main } = this.#options;
    for (const frames of parts) {
      const taken = main.directory.stateOf(id) === AGENT_STATE.ready &&
        await main.call(main.directory.hostOf(id), "inherit", { id, frames }, SPAWN_TIMEOUT_MS).then(() => true, () => false);
      if (!taken) { for (const { frame, producer } of frames) main.buryFrame(asKept(frame, producer), "agent-terminated", true); }
    }
  }
}

/** One agent's messages in parts that a call can carry; at least one part. What is not in the first comes after the agent is ready. */
function parcels(frames: readonly InheritedFrame[]): InheritedFrame[][] {
  const parts: InheritedFrame[][] = [[]];
  let bytes = 0;
  for (const inherited of frames) {
    if (bytes + inherited.frame.length > LUGGAGE_BYTES_MAX) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)!.push(inherited);
    bytes += inherited.frame.length;
  }
  return parts;
}

/** Parts of a list that one order each can carry. */
function chunks(all: readonly Luggage[]): Luggage[][] {
  const parts: Luggage[][] = [];
  let bytes = Infinity;
  for (const luggage of all) {
    const own = 64 + (luggage.snapshot?.bytes.length ?? 0) + luggage.frames.reduce((sum, { frame }) => sum + frame.length, 0);
    if (bytes + own > LUGGAGE_BYTES_MAX || parts.at(-1)!.length >= SPAWN_IDS_PER_CALL_MAX) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)!.push(luggage);
    bytes += own;
  }
  return parts;
}
