/**
 * Talks in JSON lines, as coding commands do in their streaming modes: one line with the user's message goes in, lines come out, and the last of type
 * `result` holds the result.
 *
 * ```
 * → {"type":"user","message":{"role":"user","content":"…"},"requestId":"…","model":"…"}
 * ← {"type":"assistant", …}            whatever it is, it counts as progress
 * ← {"type":"result","result":"…","is_error":false,"total_cost_usd":0.01,"usage":{"input_tokens":10,"output_tokens":20}}
 * ```
 *
 * @module
 */
import { LineCutter } from "../base/line_cutter.ts";
import { type AgentDriver, type AgentUsage, objectFrom, type TalkOutcome } from "./agent_driver.ts";

/** See the head of this file. */
export const jsonLinesDriver: AgentDriver = ({ request, prompt, write, endInput, note }) => {
  let [lines, malformed] = [0, 0];
  let result: Record<string, unknown> | null = null;
  const cutter = new LineCutter((line) => {
    lines++;
    const value = objectFrom(line);
    if (value === null) malformed++;
    else if (value.type === "result") result = value;
    else if (value.type === "error") note(`the agent says: ${String(value.message ?? value.error ?? line)}`);
  });
  const { requestId, model } = request;
  write(`${JSON.stringify({ type: "user", message: { role: "user", content: prompt }, requestId, ...(model ? { model } : {}) })}\n`);
  endInput();
  return {
    take: (piece) => cutter.take(piece),
    done: new Promise(() => undefined),
    cancel: () => false,
    outcome(): TalkOutcome {
      cutter.end();
      const protocol = { lines, malformed, tooLong: cutter.dropped };
      if (result === null) return { error: "it ended without a line of type result", protocol };
      const output = typeof result.result === "string" ? result.result : JSON.stringify(result.result ?? null);
      const failed = result.is_error === true ? { error: `it says that it failed: ${output.slice(0, 200)}` } : {};
      return { output, ...failed, usage: usageOf(result), protocol };
    },
  };
};

function usageOf(result: Record<string, unknown>): AgentUsage {
  const usage = typeof result.usage === "object" && result.usage !== null ? result.usage as Record<string, unknown> : {};
  return { inputTokens: figure(usage.input_tokens), outputTokens: figure(usage.output_tokens), costUsd: figure(result.total_cost_usd) };
}

function figure(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : null;
}
