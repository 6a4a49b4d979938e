/**
 * Asking several agents at the same time: one that is slow, gone or failing costs nobody else an answer.
 *
 * @module
 */
import type { AgentContext, AgentId } from "../agents/agent.ts";
import { InvalidArgumentError, isKernelError } from "../base/errors.ts";
import { ASK_TIMEOUT_MS, COLLECTIVE_TARGETS_MAX } from "../base/limits.ts";
import { isPlainObject } from "../team/input.ts";
import { numberAt } from "./fields.ts";

/** What one of them came to. */
export type Answered =
  | { readonly ok: true; readonly payload: unknown }
  | { readonly ok: false; readonly error: { readonly code: string; readonly message: string } };

/** Patience of an agent with another: an asker must have its own answer out before its asker gives up. */
const PATIENCE_MS = 5_000;

/** Agents by name, as a command names them. */
export function namedAgents(value: unknown): [name: string, id: AgentId][] {
  if (!isPlainObject(value)) throw new InvalidArgumentError("params.agents", value, "give an object of name: agent id.");
  const entries = Object.entries(value);
  if (entries.length > COLLECTIVE_TARGETS_MAX) {
    throw new InvalidArgumentError("params.agents", value, `it names ${entries.length} agents; at most ${COLLECTIVE_TARGETS_MAX}.`);
  }
  for (const [name, id] of entries) {
    if (!Number.isSafeInteger(id)) throw new InvalidArgumentError(`params.agents.${name}`, id, "give an agent's id.");
  }
  return entries as [string, AgentId][];
}

/** One answer each, by name. */
export async function askAll(
  agents: readonly (readonly [name: string, id: AgentId])[],
  message: unknown,
  timeoutMs: unknown,
  ctx: AgentContext,
): Promise<Record<string, Answered>> {
  const patience = timeoutMs === undefined ? PATIENCE_MS : numberAt("params.timeoutMs", timeoutMs, 1, ASK_TIMEOUT_MS);
  const answers = await Promise.all(agents.map(async ([name, id]) => [name, await askOne(id, message, patience, ctx)] as const));
  return Object.fromEntries(answers);
}

async function askOne(id: AgentId, message: unknown, timeoutMs: number, ctx: AgentContext): Promise<Answered> {
  try {
    const { payload } = await ctx.ask<{ payload: unknown }>(id, message, { timeoutMs, signal: ctx.signal });
    return { ok: true, payload };
  } catch (error) {
    return { ok: false, error: failureOf(error) };
  }
}

/** What may be told of an error. */
export function failureOf(error: unknown): { code: string; message: string } {
  if (isKernelError(error)) return { code: error.code, message: error.message };
  return error instanceof Error ? { code: error.name, message: error.message } : { code: "unknown", message: String(error) };
}
