/**
 * What providers say in their headers about how much may still be asked, and when.
 *
 * @module
 */
import { RETRY_AFTER_MS_MAX } from "../base/limits.ts";

const DURATION = /(\d+(?:\.\d+)?)(ms|h|m|s)/g;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Wait in ms that a refusal asks for: `retry-after-ms`, `retry-after` in seconds or as a date. */
export function retryAfterMs(headers: Headers | undefined, nowMs: number): number | undefined {
  const ms = numberOf(headers?.get("retry-after-ms"));
  if (ms !== undefined) return Math.max(0, ms);
  const text = headers?.get("retry-after") ?? undefined;
  const seconds = numberOf(text);
  if (seconds !== undefined) return Math.max(0, seconds * 1_000);
  const date = Date.parse(text ?? "");
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}

/**
 * Wait in ms until more may be asked, when an answer says that nothing is left: `anthropic-ratelimit-*` (dates) or `x-ratelimit-*` (durations such as
 * `1m30s`).
 */
export function holdMs(headers: Headers | undefined, nowMs: number): number | undefined {
  if (headers === undefined) return undefined;
  let hold: number | undefined;
  for (const kind of ["requests", "tokens", "input-tokens", "output-tokens"]) {
    const dated = until(headers.get(`anthropic-ratelimit-${kind}-reset`), nowMs);
    const lasting = durationMs(headers.get(`x-ratelimit-reset-${kind}`));
    const usedUp = headers.get(`anthropic-ratelimit-${kind}-remaining`) === "0" || headers.get(`x-ratelimit-remaining-${kind}`) === "0";
    const wait = dated ?? lasting;
    if (usedUp && wait !== undefined) hold = Math.max(hold ?? 0, wait);
  }
  return hold === undefined ? undefined : Math.min(hold, RETRY_AFTER_MS_MAX);
}

function numberOf(text: string | null | undefined): number | undefined {
  return text !== null && text !== undefined && /^\d+(?:\.\d+)?$/.test(text.trim()) ? Number(text) : undefined;
}

function until(text: string | null, nowMs: number): number | undefined {
  const date = Date.parse(text ?? "");
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}

function durationMs(text: string | null): number | undefined {
  const parts = [...(text ?? "").matchAll(DURATION)];
  return parts.length === 0 ? undefined : parts.reduce((sum, [, count, unit]) => sum + Number(count) * UNIT_MS[unit], 0);
}
