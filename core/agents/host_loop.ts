/**
 * Drives a host on a real event loop: turn after turn while there is work, a short polling after it, then one wait on the doorbell.
 *
 * Polling answers the next message in 1–3 µs where a wait takes 8–15, and costs the processor that it polls on. So its length adapts: halved whenever it
 * ended in vain, grown when the sleep after it turned out to be short, never more than `POLL_US_MAX`; while more hosts are awake than there
 * are cores it is zero.
 *
 * @module
 */
import { clearImmediate, setImmediate } from "node:timers";
import type { Cancel, Clock } from "../base/clock.ts";
import { FRAMES_PER_TURN_MAX, TIMER_MS_MAX } from "../base/limits.ts";
import type { Doorbell } from "../memory/doorbell.ts";
import type { AgentHost } from "./agent_host.ts";

const POLL_US_MAX = 60;
/** Turns in a row, before timers, promises and I/O get theirs. */
const FLOOD_MS_MAX = 0.25;
/** Sends that wait for room are tried again so often while nothing else happens. */
const RETRY_MS = 1;

/** The loop of one host. */
export class HostLoop {
  #host: AgentHost | null = null;
  #immediate: ReturnType<typeof setImmediate> | null = null;
  #waiting = false;
  #holding: Cancel | null = null;
  #retry: Cancel | null = null;
  #pollUs = 20;
  #idleSince = 0;
  #sleptAt = 0;
  #running = false;
  readonly #tick = (): void => this.#turn();
  readonly #woken = (): void => {
    this.#waiting = false;
    if (!this.#running) return;
    const sleptUs = (this.clock.now() - this.#sleptAt) * 1_000;
    if (sleptUs < POLL_US_MAX) this.#pollUs = Math.min(POLL_US_MAX, this.#pollUs * 4 + 20);
    this.#turn();
  };

  /** `mayPoll` says whether polling would take the processor from somebody who has work: whether more hosts are awake than there are cores. */
  constructor(private readonly clock: Clock, private readonly bell: Doorbell, private readonly mayPoll: () => boolean) {}

  /** Begins to turn; holds the event loop open until `stop`. */
  start(host: AgentHost): void {
    this.#host = host;
    this.#running = true;
    this.#hold();
    this.#turn();
  }

  /** Turns no more. */
  stop(): void {
    this.#running = false;
    this.#holding?.();
    this.#retry?.();
    if (this.#immediate !== null) clearImmediate(this.#immediate);
    this.#immediate = this.#holding = this.#retry = null;
    this.bell.ringAlways();
  }

  /** There is something to do: turn soon, from wherever it is called. */
  wake(): void {
    if (this.#running && this.#immediate === null) this.#immediate = setImmediate(this.#tick);
  }

  #turn(): void {
    if (this.#immediate !== null) clearImmediate(this.#immediate);
    this.#immediate = null;
    if (!this.#running) return;
    const host = this.#host!;
    let done = host.turn();
    // A full turn means a flood: a trip through the event loop costs as much as a hundred small messages, so some turns share one.
    if (done >= FRAMES_PER_TURN_MAX) {
      const until = this.clock.now() + FLOOD_MS_MAX;
      while (done >= FRAMES_PER_TURN_MAX && this.#running && this.clock.now() < until) done = host.turn();
      return this.wake();
    }
    if (done > 0 || host.ready) {
      this.#idleSince = 0;
      return this.wake();
    }
    if (this.#pollUs > 0 && this.mayPoll()) {
      const now = this.clock.now();
      if (this.#idleSince === 0) this.#idleSince = now;
      if ((now - this.#idleSince) * 1_000 < this.#pollUs) return this.wake();
      this.#pollUs >>= 1;
    }
    this.#sleep(host);
  }

  #sleep(host: AgentHost): void {
    this.#idleSince = 0;
    this.#sleptAt = this.clock.now();
    const epoch = this.bell.arm();
    // Looked at again after "sleeping" was said: else what came in between would wait for the next bell.
    if (host.ready || (host.hasWaiting && host.retryWaiting())) {
      this.bell.disarm();
      return this.wake();
    }
    if (host.hasWaiting && this.#retry === null) {
      this.#retry = this.clock.schedule(RETRY_MS, () => {
        this.#retry = null;
        this.wake();
      });
    }
    // One pending wait a host: an older one that has not been rung still stands on this epoch.
    if (this.#waiting) return;
    const rung = this.bell.whenRung(epoch);
    if (rung === null) return this.wake();
    this.#waiting = true;
    rung.then(this.#woken);
  }

  #hold(): void {
    this.#holding = this.clock.schedule(TIMER_MS_MAX, () => this.#hold());
  }
}
