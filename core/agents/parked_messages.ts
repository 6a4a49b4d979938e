/**
 * The messages that wait for one busy agent, in the order in which they will be handled. Made for the first of them: most agents never have any.
 *
 * @module
 */
import type { KeptFrame } from "../bus/inbound.ts";
import type { AgentId } from "../bus/message.ts";
import type { AgentHome } from "./delivery.ts";

/** What waits for an agent. */
export class ParkedMessages {
  readonly #frames: KeptFrame[] = [];
  #full = false;

  /** `max` is how many may wait before senders are held back. */
  constructor(private readonly home: AgentHome, private readonly id: AgentId, private readonly max: number) {}

  /** How many. */
  get length(): number {
    return this.#frames.length;
  }

  /** One more, behind the others. */
  push(frame: KeptFrame): void {
    this.#frames.push(frame);
    this.home.parked(1);
    if (this.#full || this.#frames.length < this.max) return;
    this.#full = true;
    this.home.directory.setFull(this.id, true);
  }

  /** One that is to be handled again, before the others. */
  putFirst(frame: KeptFrame): void {
    this.#frames.unshift(frame);
    this.home.parked(1);
  }

  /** The first one, which there must be. */
  take(): KeptFrame {
    const kept = this.#frames.shift()!;
    this.#left();
    return kept;
  }

  /** Buries all: their agent ends. */
  buryAll(): void {
    while (this.#frames.length > 0) {
      const delivery = this.home.open(this.take());
      if (delivery !== null) this.home.bury(delivery, "agent-terminated");
    }
  }

  /** Buries those with this correlation: whoever waits for an answer has given it up. */
  cancel(correlation: number): void {
    for (let index = 0; index < this.#frames.length; index++) {
      const delivery = this.home.open(this.#frames[index]);
      if (delivery !== null && delivery.correlation !== correlation) continue;
      this.#frames.splice(index--, 1);
      this.#left();
      if (delivery !== null) this.home.bury(delivery, "cancelled");
    }
  }

  #left(): void {
    this.home.parked(-1);
    if (!this.#full || this.#frames.length > this.max >> 1) return;
    this.#full = false;
    this.home.directory.setFull(this.id, false);
  }
}
