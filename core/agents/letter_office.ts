/**
 * The dead letters of all threads, seen from the main thread: fetched, and sent again.
 *
 * @module
 */
import { asError, KernelError } from "../base/errors.ts";
import { STOP_TIMEOUT_MS } from "../base/limits.ts";
import type { AgentId } from "../bus/message.ts";
import type { AgentHost } from "./agent_host.ts";
import { type DeadLetter, type DeadLetterPage, fetchDeadLetters } from "./dead_letters.ts";

/** What to send again. */
export interface ReplayOptions {
  /** Which of them. Default: all but late replies, for which nobody waits any more. */
  readonly select?: (letter: DeadLetter) => boolean;
  /** Another receiver than the first. */
  readonly to?: AgentId;
}

/** What became of a replay. */
export interface ReplayResult {
  /** Letters that were sent again, and are kept no longer. */
  readonly replayed: number;
  /** Letters that could not be sent; they are kept. */
  readonly failed: readonly { readonly letter: DeadLetter; readonly error: Error }[];
}

/** The main thread's access to all dead letters. */
export class LetterOffice {
  /** `hosts` says who lives. */
  constructor(private readonly main: AgentHost, private readonly hosts: () => readonly number[]) {}

  /** All that are kept, oldest first. */
  async fetch(): Promise<DeadLetter[]> {
    const ask = (host: number) => (page: DeadLetterPage) =>
      this.main.call(host, "deadLetters", page, STOP_TIMEOUT_MS) as Promise<DeadLetter[]>;
    const lists = await Promise.all(this.hosts().map((host) => fetchDeadLetters(ask(host))));
    return lists.flat().sort((a, b) => a.at - b.at);
  }

  /** Sends letters again in their old order, as new messages. One that was sent is forgotten after that: a crash in between sends it twice. */
  async replay({ select = (letter): boolean => letter.reason !== "late-reply", to }: ReplayOptions = {}): Promise<ReplayResult> {
    const failed: { letter: DeadLetter; error: Error }[] = [];
    const sent = new Map<number, number[]>();
    for (const letter of (await this.fetch()).filter(select)) {
      try {
        await this.#send(letter, to);
        sent.set(letter.host, [...sent.get(letter.host) ?? [], letter.id]);
      } catch (error) {
        failed.push({ letter, error: asError(error) });
      }
    }
    await Promise.all([...sent].map(([host, ids]) => this.main.call(host, "dropLetters", ids, STOP_TIMEOUT_MS)));
    return { replayed: [...sent.values()].reduce((sum, ids) => sum + ids.length, 0), failed };
  }

  async #send({ message, isBare }: DeadLetter, to = message.to): Promise<void> {
    if (isBare) throw new KernelError("MESSAGE_TOO_LARGE", "its payload is too large to be fetched from its thread.", { id: message.id });
    await this.main.send(message.from, to, message.payload, { priority: message.priority as -1 });
  }
}
