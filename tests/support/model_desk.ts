/** A desk with what a test wants of it, and everything else as in a kernel. */
import type { Clock } from "../../core/base/clock.ts";
import { SystemClock } from "../../core/base/clock.ts";
import { Random } from "../../core/base/random.ts";
import type { ModelBudget } from "../../core/bus/model.ts";
import { type DeskOptions, ModelDesk } from "../../core/models/model_desk.ts";
import type { ModelProvider, ProviderReply, ProviderRequest } from "../../core/models/model_provider.ts";
import { Resilience } from "../../core/tasks/resilience.ts";

export const POOL = { min: 0, max: 10, acquireTimeoutMs: 30_000, idleTimeoutMs: 30_000, evictionIntervalMs: 10_000 };

/** What a test may want. */
export interface Wanted extends Partial<DeskOptions> {
  /** Agents by id. */
  readonly known?: Readonly<Record<number, { parent?: number; budget?: ModelBudget; type?: string; model?: string }>>;
  readonly retriesMax?: number;
}

export function openDesk({ known = {}, retriesMax = 4, ...given }: Wanted): ModelDesk & Disposable {
  const clock: Clock = given.clock ?? new SystemClock(0);
  const desk = new ModelDesk({
    ...{ clock, providers: [], routes: [], models: {}, prices: {}, pool: POOL },
    retrying: new Resilience({ clock, random: new Random(1), retriesMax, runningMax: 10, waitingMax: 1_000 }),
    agents: {
      find: (id) => known[id] === undefined ? undefined : { parent: 0, ...known[id] },
      about: (id) => known[id] === undefined ? undefined : { type: "worker", ...known[id] },
      isAlive: () => true,
    },
    ...given,
  });
  return Object.assign(desk, { [Symbol.dispose]: () => desk.close() });
}

/** A provider of which a test says what it does. */
export function fakeProvider(
  send: (request: ProviderRequest, signal: AbortSignal, onText: (piece: string) => void) => Promise<ProviderReply>,
  overrides: Partial<ModelProvider> = {},
): ModelProvider {
  return {
    ...{ name: "fake", defaultModel: "one", isLocal: false, reportsUsage: true, startsProcess: false, check: () => undefined },
    open: () => Promise.resolve({ send, isUsable: () => true, close: () => undefined }),
    ...overrides,
  };
}

/** An answer that used so many tokens. */
export function replyOf(text: string, inputTokens = 1, outputTokens = 1): ProviderReply {
  return { text, toolCalls: [], stopReason: "end", model: "one", usage: { inputTokens, outputTokens } };
}
