/**
 * All that goes to models and comes back, as files: written while a program runs, read instead of asking when it is to run again without keys and with
 * the same bytes. One file an answer, named after what was asked and how often that had been asked before.
 *
 * @module
 */
import { KernelError } from "../base/errors.ts";
import type { ModelConnection, ModelProvider, ProviderReply, ProviderRequest } from "./model_provider.ts";

/** Where answers are written or read. */
export interface RecordingFiles {
  /** Writes a whole file or nothing of it. */
  write(name: string, text: string): Promise<void>;
  /** Reads one; undefined when there is none. */
  read(name: string): Promise<string | undefined>;
}

interface Recorded {
  readonly request: ProviderRequest & { readonly provider: string };
  readonly pieces: readonly string[];
  readonly reply: ProviderReply;
}

const NAME_DIGITS = 32;
/** Same requests told apart; a program asks few different things, and each name is 40 bytes. */
const NAMES_MAX = 1_000_000;

/** Counts how often each request has been made: the third answer to one question is the third file. */
class Names {
  readonly #counts = new Map<string, number>();

  async next(provider: string, request: ProviderRequest): Promise<string> {
    const text = JSON.stringify(sorted({ provider, ...request }));
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
    const name = digest.toHex().slice(0, NAME_DIGITS);
    const count = (this.#counts.get(name) ?? 0) + 1;
    if (this.#counts.size >= NAMES_MAX) this.#counts.clear();
    this.#counts.set(name, count);
    return `${name}-${count}.json`;
  }
}

/** Keys in one order, whoever made the object; what is undefined is left out. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1).map(([key, inner]) => [key, sorted(inner)]));
}

/** The same provider, whose answers are written down. */
export function recorded(provider: ModelProvider, files: RecordingFiles): ModelProvider {
  const names = new Names();
  const open = async (): Promise<ModelConnection> => {
    const inner = await provider.open();
    return {
      isUsable: () => inner.isUsable(),
      close: () => inner.close(),
      send: async (request, signal, onText) => {
        const name = await names.next(provider.name, request);
        const pieces: string[] = [];
        const reply = await inner.send(request, signal, (piece) => {
          pieces.push(piece);
          onText(piece);
        });
        const whole: Recorded = { request: { provider: provider.name, ...request }, pieces, reply: { ...reply, holdMs: undefined } };
        await files.write(name, JSON.stringify(sorted(whole), null, 2) + "\n");
        return reply;
      },
    };
  };
  return { ...provider, open };
}

/** The same provider, asked no more: its answers come from the files. Needs no key and no network. */
export function replayed(provider: ModelProvider, files: RecordingFiles): ModelProvider {
  const names = new Names();
  const send: ModelConnection["send"] = async (request, signal, onText) => {
    signal.throwIfAborted();
    const name = await names.next(provider.name, request);
    const text = await files.read(name);
    if (text === undefined) {
      throw new KernelError(
        "REPLAY_MISSING",
        `no answer was recorded for this request to ${provider.name} (${name}). The program or its input has changed: record anew.`,
        { provider: provider.name, file: name },
      );
    }
    const { pieces, reply } = JSON.parse(text) as Recorded;
    for (const piece of pieces) onText(piece);
    return reply;
  };
  const connection: ModelConnection = { send, isUsable: () => true, close: () => undefined };
  return { ...provider, startsProcess: false, check: () => undefined, open: () => Promise.resolve(connection) };
}
