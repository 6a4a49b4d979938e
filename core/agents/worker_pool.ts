/**
 * The worker threads: started, watched, ended. A thread that throws, exits or stops turning is reported once, with what is known of its end.
 *
 * @module
 */
import type { Worker } from "node:worker_threads";
import type { Cancel, Clock } from "../base/clock.ts";
import { KernelError } from "../base/errors.ts";
import { THREAD_START_TIMEOUT_MS, WORKER_HEAP_MB_MAX, WORKER_YOUNG_HEAP_MB_MAX } from "../base/limits.ts";
import { onThreadEnd, startThread } from "../base/thread.ts";
import { load, store } from "../memory/atomics.ts";
import { Doorbell } from "../memory/doorbell.ts";
import { HEADER, HOST, hostField, type Layout } from "../memory/layout.ts";
import type { SharedMemory } from "../memory/shared_memory.ts";
import { answerPings } from "./clock_sync.ts";
import type { HostPlan } from "./host_assembly.ts";
import { HostPulse } from "./host_pulse.ts";
import { HOST_STATE } from "./lifecycle.ts";
import type { StartAt } from "./numa.ts";

/** Beats are looked at so often within one hang time-out: at least two looks decide, in the watcher's own running time. */
const LOOKS_PER_TIMEOUT = 4;

/** An agent's own time-out may be shorter; one look alone may have come when the whole process was held up. */
const LOOKS_MIN = 2;

/** A thread that has not turned for so long is told about, before it is given up. */
const STALL_MS = 1_000;

/** What the pool is given. */
export interface WorkerPoolOptions {
  /** The threads' code, in one piece. */
  readonly workerText: string;
  /** The arena. */
  readonly memory: SharedMemory;
  /** Its plan. */
  readonly layout: Layout;
  /** Main's arena time. */
  readonly clock: Clock;
  /** A thread that has not turned for so long is given up. */
  readonly hangTimeoutMs: number;
  /** Plan of a host by its index. */
  readonly plan: (index: number) => HostPlan;
  /** Starts a thread where it is to run; left out: anywhere. */
  readonly startAt?: StartAt;
  /** Module with the parts of a test. */
  readonly partsUrl?: string;
  /** Called once for each thread that died without being told to. */
  readonly onDeath: (host: number, why: string, cause?: unknown) => void;
  /** Called when a thread has not turned for a second; `running` is the agent whose function it is in, 0 if that is not known. */
  readonly onStall: (host: number, stalledMs: number, running: number) => void;
}

interface Watched {
  readonly worker: Worker;
  readonly host: number;
  beat: number;
  looks: number;
}

/** The worker threads of one kernel; their hosts are 1…N. */
export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #watched = new Map<number, Watched>();
  #cancelLook: Cancel | null = null;
  #replacement: Promise<number> | null = null;
  #ended = false;

  /** No thread yet. */
  constructor(options: WorkerPoolOptions) {
    this.#options = options;
  }

  /** Starts threads for hosts 1…`threads`; resolves when all turn. When one cannot start, all are ended. */
  async start(threads: number): Promise<void> {
    const hosts = Array.from({ length: threads }, (_, index) => index + 1);
    const stopAnswering = this.#answerPings(hosts);
    try {
      await Promise.all(hosts.map((host) => this.#startOne(host)));
    } catch (error) {
      await this.end();
      throw error;
    } finally {
      stopAnswering();
    }
    if (threads > 0) this.#look();
  }

  /** Starts a thread in the place of one that died, after those that are starting already; resolves to its index. Rejects when no spare index is left. */
  replace(): Promise<number> {
    const before = this.#replacement?.catch(() => undefined); // its caller has the error
    const started = before === undefined ? this.#startSpare() : before.then(() => this.#startSpare());
    const replacement = started.finally(() => {
      if (this.#replacement === replacement) this.#replacement = null;
    });
    this.#replacement = replacement;
    return replacement;
  }

  /** Resolves when the thread that is starting has started, or else a new one. */
  async anyStarted(): Promise<void> {
    await (this.#replacement ?? this.replace());
  }

  async #startSpare(): Promise<number> {
    const { memory, layout } = this.#options;
    const host = load(memory.words, HEADER.hostsStarted >> 2);
    if (host >= layout.hosts || this.#ended) {
      throw new KernelError(
        "NO_HOST",
        `${layout.hosts - 1} threads have been started, which is all that this manager may; start a new one.`,
        {
          threadsMax: layout.hosts - 1,
        },
      );
    }
    // First: whoever gets something from it must look at its rings.
    store(memory.words, HEADER.hostsStarted >> 2, host + 1);
    const stopAnswering = this.#answerPings([host]);
    await this.#startOne(host).finally(stopAnswering);
    return host;
  }

  /** Hosts whose thread runs. */
  get alive(): number[] {
    const { memory, layout } = this.#options;
    return [...this.#watched.keys()].filter((host) => load(memory.words, hostField(layout, host, HOST.state) >> 2) === HOST_STATE.running);
  }

  /** Ends all threads. Their agents have been stopped before, or are lost. */
  async end(): Promise<void> {
    this.#cancelLook?.();
    this.#ended = true;
    await this.#replacement?.catch(() => undefined); // its caller has the error
    const watched = [...this.#watched.values()];
    this.#watched.clear();
    for (const { host } of watched) this.#mark(host, HOST_STATE.stopped);
    await Promise.all(watched.map(({ worker }) => worker.terminate()));
  }

  /** Starting threads ask for the time until they have it. Returns what ends the answering. */
  #answerPings(hosts: readonly number[]): Cancel {
    const { memory, layout, clock } = this.#options;
    let cancel: Cancel = () => {};
    const answer = (): void => {
      for (const host of hosts) answerPings(memory, layout, host, clock);
      cancel = clock.schedule(1, answer);
    };
    answer();
    return () => cancel();
  }

  #startOne(host: number): Promise<void> {
    const { memory, clock, plan, partsUrl, workerText, startAt = (_host, start) => start() } = this.#options;
    this.#mark(host, HOST_STATE.starting);
    const worker = startAt(host, () =>
      startThread(workerText, { plan: plan(host), memory: memory.memory, partsUrl }, {
        ...{ maxOldGenerationSizeMb: WORKER_HEAP_MB_MAX, maxYoungGenerationSizeMb: WORKER_YOUNG_HEAP_MB_MAX },
      }));
    const watched: Watched = { worker, host, beat: -1, looks: 0 };
    this.#watched.set(host, watched);
    return new Promise((resolve, reject) => {
      const cancel = clock.schedule(THREAD_START_TIMEOUT_MS, () => {
        reject(
          new KernelError(
            "THREAD_START",
            `thread ${host} did not start within ${THREAD_START_TIMEOUT_MS} ms; the machine may be overloaded.`,
          ),
        );
      });
      const gone = (why: string, cause?: unknown): void => {
        cancel();
        reject(new KernelError("THREAD_START", `thread ${host} did not start: ${why}.`, { host }, { cause }));
        this.#died(watched, why, cause);
      };
      worker.on("message", (text) => {
        if (text !== "ready") return;
        cancel();
        resolve();
      });
      onThreadEnd(worker, gone);
    });
  }

  /** Looks whether each thread has turned since the last look. A sleeping one is rung, so that it has a reason to. */
  #look(): void {
    const { clock, hangTimeoutMs, memory, layout } = this.#options;
    this.#cancelLook = clock.schedule(hangTimeoutMs / LOOKS_PER_TIMEOUT, () => this.#look(), true);
    for (const watched of [...this.#watched.values()]) {
      const pulse = new HostPulse(memory, layout, watched.host);
      const beat = pulse.beats;
      watched.looks = beat === watched.beat ? watched.looks + 1 : 0;
      watched.beat = beat;
      if (watched.looks > this.#patience(pulse)) {
        const where = pulse.running === 0 ? "" : `, last seen in agent ${pulse.running}`;
        const silentMs = Math.round(((watched.looks - 1) * hangTimeoutMs) / LOOKS_PER_TIMEOUT);
        this.#died(watched, `it has not turned for ${silentMs} ms: a handler hangs or its code has died${where}`);
        continue;
      } else if (watched.looks === Math.ceil((LOOKS_PER_TIMEOUT * STALL_MS) / hangTimeoutMs)) {
        this.#options.onStall(watched.host, (watched.looks * hangTimeoutMs) / LOOKS_PER_TIMEOUT, pulse.running);
      }
      if (watched.looks > 0) new Doorbell(memory, layout, watched.host).ringAlways();
    }
  }

  #died(watched: Watched, why: string, cause?: unknown): void {
    if (this.#watched.get(watched.host) !== watched) return;
    this.#watched.delete(watched.host);
    this.#mark(watched.host, HOST_STATE.dead);
    watched.worker.terminate();
    this.#options.onDeath(watched.host, why, cause);
  }

  /** Looks in vain that a thread is given. One that imports a behavior may be held up by the runtime as long as one that starts. */
  #patience(pulse: HostPulse): number {
    const { hangTimeoutMs } = this.#options;
    const usual = pulse.patienceMs || hangTimeoutMs;
    const timeoutMs = pulse.isImporting ? Math.max(usual, THREAD_START_TIMEOUT_MS) : usual;
    return Math.max(LOOKS_MIN, Math.ceil((LOOKS_PER_TIMEOUT * timeoutMs) / hangTimeoutMs));
  }

  #mark(host: number, state: number): void {
    const { memory, layout } = this.#options;
    store(memory.words, hostField(layout, host, HOST.state) >> 2, state);
  }
}
