/**
 * What each living host does when another has died: it hears the dead host out, takes its own unhandled frames back, and fails what nobody will answer.
 * Its frames then wait for their receivers to be ready elsewhere, before anything it sends later: so the order of each sender holds.
 *
 * @module
 */
import { HostDiedError } from "../base/errors.ts";
import { countRetry, emptyEnvelope, KIND, readEnvelope } from "../bus/envelope.ts";
import type { Inbound, KeptFrame } from "../bus/inbound.ts";
import type { AgentId } from "../bus/message.ts";
import { LANE_URGENT_FROM } from "../bus/outbound.ts";
import { privateWindow, type SharedMemory } from "../memory/shared_memory.ts";
import { FRAME_MARK } from "../memory/ring_buffer.ts";
import type { AgentDirectory } from "./agent_directory.ts";
import type { PostRoom } from "./post_room.ts";
import type { Replies } from "./replies.ts";
import type { Undeliverable } from "./undeliverable.ts";
import type { ReturnedFrame } from "./waiting_room.ts";

/** News of a death, as it travels. */
export interface DeathNotice {
  /** Who died. */
  readonly host: number;
  /** What is known of its end. */
  readonly why: string;
  /** Correlations of ours that will be answered yet: the supervisor has their requests. */
  readonly kept: readonly number[];
}

/** What a host took back. */
export interface Reclaimed {
  /** Messages that will be handled elsewhere. */
  readonly moved: number;
  /** Messages whose handler had been entered and did not finish. */
  readonly interrupted: number;
}

/** What becomes of a frame that a dead host leaves behind. */
export type Fate = "moves" | "interrupted" | "reply" | "forgotten";

/** The fate of the frame at `at`: one that was handled, or that only the dead host had use for, is forgotten. */
export function fateOf(memory: SharedMemory, at: number, bytes: number, mark: number): Fate {
  const envelope = emptyEnvelope();
  readEnvelope(memory, at, bytes, envelope);
  if (mark === FRAME_MARK.done) return "forgotten";
  switch (envelope.kind) {
    case KIND.reply:
    case KIND.failure:
      return "reply";
    case KIND.message:
    case KIND.ask:
    case KIND.task:
    case KIND.acked:
      // May have run: handled again only where that was asked for, and once, so that a message that kills threads kills at most two.
      if (mark === FRAME_MARK.fresh) return "moves";
      return envelope.kind === KIND.acked && envelope.retryCount === 0 ? "moves" : "interrupted";
    default:
      return "forgotten";
  }
}

/** A private copy of a frame that moves; one that had been begun counts as tried. */
export function copyOf(memory: SharedMemory, at: number, bytes: number, mark: number): Uint8Array {
  const window = privateWindow((bytes + 7) & ~7);
  window.bytes.set(memory.bytes.subarray(at, at + bytes));
  if (mark === FRAME_MARK.begun) countRetry(window, 0);
  return window.bytes.subarray(0, bytes) as Uint8Array;
}

/** What a host hands to it. */
export interface BereavedHost {
  /** Its index. */
  readonly index: number;
  /** The arena. */
  readonly memory: SharedMemory;
  /** Its rooms. */
  readonly post: PostRoom;
  /** Open replies. */
  readonly replies: Replies;
  /** Everybody's places. */
  readonly directory: AgentDirectory;
  /** What it receives. */
  readonly inbound: Inbound;
  /** Where what will not be handled goes. */
  readonly undeliverable: Undeliverable;
}

/** The deaths that one host has yet to act on. */
export class Bereavement {
  readonly #pending: { notice: DeathNotice; done: (reclaimed: Reclaimed) => void }[] = [];

  /** Works on the host's own rooms. */
  constructor(private readonly host: BereavedHost) {}

  /** Whether there is something to do. */
  get due(): boolean {
    return this.#pending.length > 0;
  }

  /** A host has died; resolves once what it had sent has been drained and what it left has been taken back. */
  mourn(notice: DeathNotice): Promise<Reclaimed> {
    return new Promise((done) => this.#pending.push({ notice, done }));
  }

  /** Between turns: acts on those whose last words have been heard. */
  act(): void {
    for (let index = 0; index < this.#pending.length; index++) {
      const { notice, done } = this.#pending[index];
      if (this.host.inbound.readableFrom(notice.host)) continue;
      this.#pending.splice(index--, 1);
      done(this.#takeBack(notice));
    }
  }

  #takeBack({ host: dead, why, kept }: DeathNotice): Reclaimed {
    const { memory, index, post, replies, directory } = this.host;
    const correlations = new Set(kept);
    const returned = new Map<AgentId, ReturnedFrame[]>();
    let moved = 0;
    let interrupted = 0;
    const envelope = emptyEnvelope();
    post.reclaim(dead, (at, bytes, mark) => {
      const fate = fateOf(memory, at, bytes, mark);
      const frame = copyOf(memory, at, bytes, mark);
      const keptFrame = asKept(frame, index);
      if (fate === "forgotten") return mark === FRAME_MARK.done ? undefined : this.host.inbound.release(keptFrame);
      if (fate !== "moves") {
        if (fate === "interrupted") interrupted++;
        return this.host.undeliverable.buryFrame(keptFrame, "host-died", fate === "reply");
      }
      moved++;
      readEnvelope(memory, at, bytes, envelope);
      if (envelope.correlation !== 0) correlations.add(envelope.correlation);
      const list = returned.get(envelope.to) ?? [];
      returned.set(envelope.to, list);
      list.push({
        frame,
        urgent: envelope.priority >= LANE_URGENT_FROM,
        lost: () => this.host.undeliverable.buryFrame(keptFrame, "agent-terminated", true),
      });
    });
    for (const [agent, frames] of returned) post.readmit(agent, frames);
    for (const send of post.abandon(dead)) {
      if (send.envelope !== null) this.host.undeliverable.keep(send.envelope, send.payload, "host-died");
      send.done();
    }
    const error = new HostDiedError(dead, why);
    replies.failCalls(dead, error);
    replies.failAsks(dead, (agent) => directory.hostOf(agent), correlations, error);
    return { moved, interrupted };
  }
}

/** A frame in private memory, to be read like a kept one. */
export function asKept(frame: Uint8Array, producer: number): KeptFrame {
  const bytes = frame.length;
  const window = privateWindow((bytes + 7) & ~7);
  window.bytes.set(frame);
  return { record: 0, window, at: 0, bytes, producer };
}
