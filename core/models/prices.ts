/**
 * What models cost, as data: written down by hand on the day of `PRICES_AS_OF`, and fetched from nowhere. Lists of providers change; what an operator
 * gives under `executor.prices` goes first, and a model that stands in neither has no cost, not the cost 0.
 *
 * @module
 */
import type { ModelPrice } from "../base/options.ts";
import type { TokenUsage } from "../bus/model.ts";
import type { ModelProvider } from "./model_provider.ts";

/** See `ModelPrice`. */
export type Price = Readonly<ModelPrice>;

/** The day of the built-in prices, as YYYY-MM-DD. Compare them with the providers' lists before you rely on a cost; `executor.prices` goes first. */
export const PRICES_AS_OF = "2025-11-01";

const price = (inputUsdPerMillion: number, outputUsdPerMillion: number): Price => ({ inputUsdPerMillion, outputUsdPerMillion });

const LISTS: Readonly<Record<"anthropic" | "openai", Readonly<Record<string, Price>>>> = {
  anthropic: {
    "claude-opus-4-1": price(15, 75),
    "claude-sonnet-4-5": price(3, 15),
    "claude-haiku-4-5": price(1, 5),
    "claude-3-5-haiku": price(0.8, 4),
  },
  openai: {
    "gpt-5": price(1.25, 10),
    "gpt-5-mini": price(0.25, 2),
    "gpt-5-nano": price(0.05, 0.4),
    "gpt-4.1": price(2, 8),
    "gpt-4.1-mini": price(0.4, 1.6),
    "gpt-4o": price(2.5, 10),
    "gpt-4o-mini": price(0.15, 0.6),
  },
};

/** A name with its date, such as `claude-sonnet-4-5-20250929` or `gpt-5-mini-2025-08-07`, costs what the name without it does. */
const DATED = /-(?:\d{8}|\d{4}-\d{2}-\d{2}|latest)$/;

/** The price of a model; undefined when it is not known. */
export function priceOf(
  { name, priceList }: Pick<ModelProvider, "name" | "priceList">,
  model: string,
  given: Readonly<Record<string, Price>>,
): Price | undefined {
  for (const key of [`${name}:${model}`, model]) if (Object.hasOwn(given, key)) return given[key];
  if (priceList === "free") return price(0, 0);
  if (priceList === undefined) return undefined;
  const list = LISTS[priceList];
  for (const key of [model, model.replace(DATED, "")]) if (Object.hasOwn(list, key)) return list[key];
  return undefined;
}

/** Whether nothing can cost anything. */
export function isFree(price: Price | undefined): boolean {
  return price?.inputUsdPerMillion === 0 && price.outputUsdPerMillion === 0;
}

/** What a request cost. */
export function costUsd({ inputUsdPerMillion, outputUsdPerMillion }: Price, { inputTokens, outputTokens }: TokenUsage): number {
  return (inputTokens * inputUsdPerMillion + outputTokens * outputUsdPerMillion) / 1e6;
}
