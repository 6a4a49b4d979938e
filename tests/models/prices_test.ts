import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { TaskUse } from "../../core/bus/task.ts";
import { ModelError } from "../../core/models/model_errors.ts";
import type { ModelProvider, ProviderReply } from "../../core/models/model_provider.ts";
import { priceOf, PRICES_AS_OF } from "../../core/models/prices.ts";
import { fakeProvider, openDesk, replyOf } from "../support/model_desk.ts";

const PRICES = { one: { inputUsdPerMillion: 1e6, outputUsdPerMillion: 2e6 } };

/** A provider that does these in turn. */
function provider(acts: readonly (ProviderReply | Error)[], overrides: Partial<ModelProvider> = {}): ModelProvider {
  const rest = [...acts];
  return fakeProvider(() => {
    const act = rest.shift()!;
    return act instanceof Error ? Promise.reject(act) : Promise.resolve(act);
  }, overrides);
}

const charged = new ModelError("MODEL_CONNECTION", "fake", "cut off", { mayHaveCost: true });
const free = new ModelError("MODEL_RATE_LIMITED", "fake", "later", { mayHaveCost: false, retryAfterMs: 1 });

Deno.test("prices: given ones first, dates of models left out, unknown is unknown; the table has its day", () => {
  const anthropic = { name: "anthropic", priceList: "anthropic" as const };
  assertEquals(priceOf(anthropic, "claude-haiku-4-5-20251001", {})?.inputUsdPerMillion, 1);
  assertEquals(priceOf(anthropic, "claude-haiku-9", {}), undefined);
  assertEquals(priceOf({ name: "mine" }, "claude-haiku-4-5", {}), undefined);
  const own = { inputUsdPerMillion: 7, outputUsdPerMillion: 8 };
  assertEquals([priceOf(anthropic, "x", { x: own }), priceOf(anthropic, "x", { "anthropic:x": own })], [own, own]);
  assertEquals(priceOf(anthropic, "claude-haiku-4-5", { "claude-haiku-4-5": own }), own);
  assertEquals(priceOf({ name: "local", priceList: "free" }, "echo", {}), { inputUsdPerMillion: 0, outputUsdPerMillion: 0 });
  assertMatch(PRICES_AS_OF, /^\d{4}-\d\d-\d\d$/);
  assert(!Number.isNaN(Date.parse(PRICES_AS_OF)));
});

Deno.test("what is not known to have cost nothing is not said to have: no price, no usage, a try that may have been charged", async () => {
  const cases: readonly [
    acts: readonly (ProviderReply | Error)[],
    costUsd: number | null,
    why?: string,
    prices?: typeof PRICES | undefined,
  ][] = [
    [[replyOf("a", 1, 2)], 5, undefined, PRICES],
    [[replyOf("a", 1, 2)], null, "no price is known for one"],
    [[{ ...replyOf("a"), usage: null }], null, "fake does not say what it used", PRICES],
    [[free, replyOf("a", 1, 2)], 5, undefined, PRICES],
    [[charged, replyOf("a", 1, 2)], null, "a try before the last one may have been charged", PRICES],
  ];
  for (const [acts, costUsd, why, prices = {}] of cases) {
    using desk = openDesk({ providers: [provider(acts)], prices });
    const reply = await desk.ask({ agentId: 0, request: { prompt: "x" } });
    assertEquals([reply.costUsd, reply.costUnknown], [costUsd, why]);
  }
});

Deno.test("a request that fails counts as uncounted unless it surely was free", async () => {
  const zero = { one: { inputUsdPerMillion: 0, outputUsdPerMillion: 0 } };
  const cases: readonly [error: Error, prices: Partial<typeof PRICES>, uncounted: number, unpriced: number][] = [
    [charged, PRICES, 1, 1],
    [charged, {}, 1, 1],
    [free, PRICES, 0, 0],
    [charged, zero, 0, 0],
  ];
  for (const [error, prices, uncounted, unpriced] of cases) {
    using desk = openDesk({ providers: [provider([error])], prices: prices as typeof PRICES, retriesMax: 0 });
    const use = new TaskUse();
    await assertRejects(() => desk.ask({ agentId: 0, request: { prompt: "x" }, onSent: () => use.sent() }), ModelError);
    assertEquals([use.uncounted, desk.report(0).own.unpriced], [uncounted, unpriced], error.message);
  }
});
