/**
 * Makes and ends agents anywhere, from any host: chooses the thread, claims the slots, orders the agents of their host and waits until they are ready.
 *
 * @module
 */
import { AgentNotFoundError, InvalidArgumentError, KernelError } from "../base/errors.ts";
import { SPAWN_IDS_PER_CALL_MAX, SPAWN_TIMEOUT_MS, STOP_TIMEOUT_MS } from "../base/limits.ts";
import { type AgentId, priorityLevel } from "../bus/message.ts";
import { load } from "../memory/atomics.ts";
import { HOST, hostField } from "../memory/layout.ts";
import { COUNT } from "../metrics/counters.ts";
import type { SpawnConfig } from "./agent.ts";
import { type AgentDirectory, hostOfWord } from "./agent_directory.ts";
import type { AgentHost } from "./agent_host.ts";
import type { HostOptions } from "./host_options.ts";
import { gradeOf } from "./isolation.ts";
import { AGENT_STATE, HOST_STATE } from "./lifecycle.ts";
import type { MakeOrder, MakeResult } from "./residents.ts";
import { checkConfig } from "./spawn_checks.ts";

/** The most agents that one call of spawnAgentBatch may ask for is the limit of agents itself; see `AgentDirectory`. */
/** Threads that may die under one order before it is given up. */
const ORDER_ATTEMPTS_MAX = 3;

/** One host's desk. */
export class SpawnDesk {
  /** Orders go out through `host`. */
  constructor(private readonly host: AgentHost, private readonly directory: AgentDirectory, private readonly options: HostOptions) {}

  /** One agent, ready. */
  async spawn(type: string, config: SpawnConfig = {}, parent: AgentId = 0): Promise<AgentId> {
    return (await this.spawnMany(type, 1, config, { parent }))[0];
  }

  /** Several agents of a kind, spread over the threads. All or none: when one cannot start the others are ended and the first error is thrown. */
  async spawnMany(
    type: string,
    count: number,
    config: SpawnConfig = {},
    { warm = false, parent = 0 }: { warm?: boolean; parent?: AgentId } = {},
  ): Promise<AgentId[]> {
    this.options.behaviors.check(type);
    checkConfig(config);
    config.signal?.throwIfAborted();
    // Who speaks for an agent that is apart lives on the main thread: no neighbour's death or hang can take it down.
    if (gradeOf(config) !== "shared") config = { ...config, host: 0 };
    if (config.host === undefined && this.placeable().length === 0) await this.options.awaitHost?.();
    const orders = this.#claim(count, config, warm);
    const ids = orders.flatMap((order) => order.ids);
    const { signal: _signal, preWarm: _preWarm, ...travels } = config;
    const registered = this.options.register(ids, { type, config: travels, parent });
    const made = Promise.all(orders.map((order) => this.#order(order.host, { type, ids: order.ids, config: travels, warm })));
    await registered;
    const results = await unlessAborted(made, config.signal, () => this.#endAll(ids));
    const error = results.find((result) => result.error !== undefined)?.error;
    if (error === undefined) {
      if (!warm) this.host.metrics.counts[COUNT.spawned] += count;
      return ids;
    }
    await this.#endAll(ids);
    throw error;
  }

  /** Takes a started agent out of a warm pool. False when it is gone. */
  adopt(id: AgentId, config: SpawnConfig): boolean {
    const host = this.directory.hostOf(id);
    if (host < 0 || !this.directory.become(id, AGENT_STATE.warm, AGENT_STATE.ready)) return false;
    this.host.metrics.counts[COUNT.spawned]++;
    if (config.priority !== undefined) {
      this.host.call(host, "adopt", { id, priority: priorityLevel(config.priority) }, SPAWN_TIMEOUT_MS)
        .catch((error) => this.host.notices.send({ kind: "adopt-failed", agentId: id, error }));
    }
    return true;
  }

  /** Ends an agent: it takes no more messages from here on; resolves when its onStop has settled. */
  async terminate(id: AgentId): Promise<void> {
    const host = this.directory.hostOf(id);
    const moving = this.directory.become(id, AGENT_STATE.moving, AGENT_STATE.stopping);
    const counted = moving || this.directory.become(id, AGENT_STATE.ready, AGENT_STATE.stopping);
    if (!counted && !this.directory.become(id, AGENT_STATE.warm, AGENT_STATE.stopping)) throw new AgentNotFoundError(id);
    if (counted) this.host.metrics.counts[COUNT.terminated]++;
    if (moving) return this.directory.free(id, AGENT_STATE.stopping);
    // Twice: once for the handler that runs, once for onStop; and some for the way.
    await this.host.call(host, "terminate", id, 3 * STOP_TIMEOUT_MS).catch((error) => {
      if (error.code !== "HOST_DIED") throw error; // it is gone all the same
      this.directory.free(id, AGENT_STATE.stopping);
    });
  }

  /** Hosts that take agents by themselves: running workers, or the main thread when it is alone. */
  placeable(): number[] {
    const { layout, memory } = this.options;
    if (layout.hosts === 1) return [0];
    const hosts: number[] = [];
    for (let host = 1; host < layout.hosts; host++) {
      if (load(memory.words, hostField(layout, host, HOST.state) >> 2) === HOST_STATE.running) hosts.push(host);
    }
    return hosts;
  }

  async #order(host: number, order: MakeOrder, attempt = 1): Promise<MakeResult> {
    try {
      return await this.host.call(host, "spawn", order, SPAWN_TIMEOUT_MS) as MakeResult;
    } catch (error) {
      const { code } = error as KernelError;
      if (code === "HOST_TIMEOUT") this.#abandon(host, order.ids);
      else {
        const elsewhere = code === "HOST_DIED" && order.config.host === undefined && attempt < ORDER_ATTEMPTS_MAX;
        const next = elsewhere ? await this.#anotherHost() : undefined;
        if (next !== undefined && order.ids.every((id) => this.directory.rehost(id, next))) return this.#order(next, order, attempt + 1);
        for (const id of order.ids) this.directory.free(id, AGENT_STATE.spawning);
      }
      return { failed: order.ids, error };
    }
  }

  async #anotherHost(): Promise<number | undefined> {
    if (this.placeable().length === 0) await this.options.awaitHost?.();
    return this.placeable().sort((a, b) => this.directory.placedOn(a) - this.directory.placedOn(b))[0];
  }

  #abandon(host: number, ids: readonly AgentId[]): void {
    for (const id of ids) {
      this.host.call(host, "abandon", id, SPAWN_TIMEOUT_MS).catch((error) =>
        this.host.notices.send({ kind: "abandon-failed", agentId: id, error })
      );
    }
  }

  async #endAll(ids: readonly AgentId[]): Promise<void> {
    const alive = ids.filter((id) =>
      [AGENT_STATE.ready, AGENT_STATE.warm, AGENT_STATE.moving].some((state) => this.directory.stateOf(id) === state)
    );
    await Promise.allSettled(alive.map((id) => this.terminate(id)));
  }

  /** Claims `count` slots, each on the host with the fewest agents; what was claimed is given back when not all can be. */
  #claim(count: number, config: SpawnConfig, warm: boolean): { host: number; ids: AgentId[] }[] {
    const hosts = this.#hostsFor(config);
    const loads = hosts.map((host) => this.directory.placedOn(host));
    const perHost = hosts.map((): AgentId[] => []);
    try {
      for (let made = 0; made < count; made++) {
        let least = 0;
        for (let index = 1; index < loads.length; index++) if (loads[index] < loads[least]) least = index;
        loads[least]++;
        perHost[least].push(this.directory.claim(hosts[least], this.host.index, warm));
      }
    } catch (error) {
      for (const id of perHost.flat()) this.directory.free(id, AGENT_STATE.spawning);
      throw error;
    }
    return perHost.flatMap((ids, index) => chunks(ids, SPAWN_IDS_PER_CALL_MAX).map((part) => ({ host: hosts[index], ids: part })));
  }

  #hostsFor(config: SpawnConfig): number[] {
    const { hosts } = this.options.layout;
    if (config.near !== undefined) {
      const word = this.directory.lookup(config.near);
      if (word === 0) throw new AgentNotFoundError(config.near);
      return [hostOfWord(word)];
    }
    if (config.host !== undefined) {
      if (!Number.isInteger(config.host) || config.host < 0 || config.host >= hosts) {
        throw new InvalidArgumentError("config.host", config.host, `use 0 for the main thread or 1…${hosts - 1} for a worker thread.`);
      }
      return [config.host];
    }
    const placeable = this.placeable();
    if (placeable.length === 0) {
      throw new KernelError("NO_HOST", "no worker thread is running and none can be started any more; shut down and start a new manager.");
    }
    return placeable;
  }
}

/** The value of `promise`, or the signal's reason as soon as it aborts; then `undo` runs once the promise has settled after all. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined, undo: () => Promise<void>): Promise<T> {
  if (signal === undefined) return await promise;
  let stopListening = (): void => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    const onAbort = (): void => {
      promise.then(undo, undo);
      reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    stopListening = () => signal.removeEventListener("abort", onAbort);
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    stopListening();
  }
}

function chunks<T>(list: readonly T[], size: number): T[][] {
  const parts: T[][] = [];
  for (let at = 0; at < list.length; at += size) parts.push(list.slice(at, at + size));
  return parts;
}
