/** Both libraries against a server on this machine that speaks the providers' wire formats. */
import { assert, assertEquals, assertFalse, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { SystemClock } from "../../core/base/clock.ts";
import { isKernelError, KernelError } from "../../core/base/errors.ts";
import { MODEL_ANSWER_BYTES_MAX } from "../../core/base/limits.ts";
import { anthropicProvider } from "../../core/models/anthropic_provider.ts";
import { REFUSAL_BYTES_MAX } from "../../core/models/bounded_fetch.ts";
import { ModelError, ModelKeyMissingError } from "../../core/models/model_errors.ts";
import type { ModelProvider } from "../../core/models/model_provider.ts";
import { openAiProvider } from "../../core/models/openai_provider.ts";
import { FakeClock } from "../../core/testing.ts";
import { openDesk } from "../support/model_desk.ts";
import { type Act, modelServer } from "../support/model_server.ts";
import { testWith } from "../support/permissions.ts";
import { until } from "../support/until.ts";

const NEEDS = { net: true, env: true };
const BOTH: Record<string, (url: string) => ModelProvider> = {
  anthropic: (baseUrl) =>
    anthropicProvider({ name: "anthropic", apiKey: "key", baseUrl, model: "claude-haiku-4-5", clock: new SystemClock(0) }),
  openai: (baseUrl) =>
    openAiProvider({ name: "openai", apiKey: "key", baseUrl: `${baseUrl}/v1`, model: "small", clock: new SystemClock(0) }),
};

function each(name: string, test: (make: (url: string) => ModelProvider, provider: string) => Promise<void>): void {
  for (const [provider, make] of Object.entries(BOTH)) testWith(NEEDS, `${provider}: ${name}`, () => test(make, provider));
}

const ask = { agentId: 0, request: { prompt: "Hello?", system: "Be short.", maxTokens: 50, temperature: 0.5 } };

each("an answer comes piece by piece, with its tokens", async (make, provider) => {
  await using server = modelServer({ pieces: ["Hel", "lo", "!"] });
  using desk = openDesk({ providers: [make(server.url)] });
  const pieces: string[] = [];
  const reply = await desk.ask({ ...ask, onText: (piece) => pieces.push(piece) });
  assertEquals(pieces, ["Hel", "lo", "!"]);
  assertEquals([reply.text, reply.stopReason, reply.attempts, reply.isLocal], ["Hello!", "end", 1, false]);
  assertEquals(reply.usage, { inputTokens: 11, outputTokens: 3 });
  const { body, headers } = server.asked[0];
  assertEquals([body.stream, body.max_tokens, body.temperature], [true, 50, 0.5]);
  const isAnthropic = provider === "anthropic";
  assertEquals(body.messages, [...isAnthropic ? [] : [{ role: "system", content: "Be short." }], { role: "user", content: "Hello?" }]);
  assertEquals(headers.get("authorization"), "Bearer key");
  // The one is in the price table, what the other server costs nobody knows.
  assertEquals(
    [reply.costUsd, reply.costUnknown],
    isAnthropic ? [(11 * 1 + 3 * 5) / 1e6, undefined] : [null, "no price is known for small"],
  );
});

each("tools travel there and back", async (make, provider) => {
  await using server = modelServer({ pieces: ["I look."], tools: [{ name: "look", json: '{"at":"sky"}' }] });
  using desk = openDesk({ providers: [make(server.url)] });
  const tools = [{ name: "look", description: "Looks.", inputSchema: { type: "object", properties: { at: { type: "string" } } } }];
  const messages = [
    { role: "user" as const, content: "What is it?" },
    { role: "assistant" as const, content: "I look.", toolCalls: [{ id: "1", name: "look", input: { at: "sea" } }] },
    { role: "tool" as const, content: "blue", toolCallId: "1" },
  ];
  const { toolCalls, stopReason } = await desk.ask({ agentId: 0, request: { messages }, tools });
  assertEquals([stopReason, toolCalls.map(({ name, input }) => ({ name, input }))], ["tools", [{ name: "look", input: { at: "sky" } }]]);
  const { body } = server.asked[0];
  if (provider === "anthropic") {
    assertEquals((body.messages as unknown[])[2], {
      role: "user",
      content: [{ type: "tool_result", tool_use_id: "1", content: "blue", is_error: false }],
    });
  } else {
    assertEquals((body.messages as unknown[])[2], { role: "tool", content: "blue", tool_call_id: "1" });
    assertEquals((body.messages as { tool_calls: unknown }[])[1].tool_calls, [
      { id: "1", type: "function", function: { name: "look", arguments: '{"at":"sea"}' } },
    ]);
  }
  assertEquals((body.tools as unknown[]).length, 1);
});

each("429 with retry-after is waited out by the clock, 529 too, and the answer comes", async (make) => {
  const refusals: Act[] = [{ status: 429, headers: { "retry-after": "7" } }, { status: 529, headers: { "retry-after-ms": "4000" } }];
  await using server = modelServer(...refusals, { pieces: ["at last"] });
  const clock = new FakeClock(1_000);
  using desk = openDesk({ providers: [make(server.url)], clock });
  const asking = desk.ask(ask);
  const arrivals: number[] = [];
  await until(() => {
    if (arrivals.length < server.asked.length) arrivals.push(clock.now());
    else clock.advance(20);
    return arrivals.length === 3;
  });
  assertEquals([(await asking).text, (await asking).attempts], ["at last", 3]);
  const [first, second, third] = arrivals;
  assert(second - first >= 7_000 && third - second >= 4_000, `asked at ${arrivals}`);
});

each("a refusal is an error by its kind, tried again only where that helps", async (make, provider) => {
  const kinds: [number, string, number][] = [
    [400, "MODEL_REQUEST", 1],
    [401, "MODEL_ACCESS", 1],
    [404, "MODEL_UNKNOWN", 1],
    [500, "MODEL_SERVER", 2],
    [529, "MODEL_OVERLOADED", 2],
  ];
  for (const [status, code, attempts] of kinds) {
    await using server = modelServer({ status, headers: { "retry-after-ms": "0" } });
    using desk = openDesk({ providers: [make(server.url)], retriesMax: 1 });
    const error = await assertRejects(() => desk.ask(ask), ModelError);
    assertEquals([error.code, error.data.status, server.asked.length], [code, status, attempts]);
    assertStringIncludes(error.message, `${provider}: `);
  }
});

each("a connection that is cut off is tried again, but not once somebody has read the beginning", async (make) => {
  await using server = modelServer({ cutAfter: ["Hel"] }, { pieces: ["Hello!"] });
  using desk = openDesk({ providers: [make(server.url)] });
  assertEquals([(await desk.ask(ask)).text, server.asked.length], ["Hello!", 2]);

  await using cut = modelServer({ cutAfter: ["Hel"] });
  using second = openDesk({ providers: [make(cut.url)] });
  const error = await assertRejects(() => second.ask({ ...ask, onText: () => undefined }), KernelError, "The answer had begun");
  assertEquals([error.code, cut.asked.length], ["MODEL_CONNECTION", 1]);
});

each("cancelling a call ends the request: the server sees it", async (make) => {
  await using server = modelServer({ hangsAfter: ["Hel"] });
  using desk = openDesk({ providers: [make(server.url)] });
  const given = new AbortController();
  const asking = desk.ask({ ...ask, signal: given.signal, onText: () => given.abort(new Error("enough")) });
  await assertRejects(() => asking, Error, "enough");
  await server.left;
});

each("a body that does not come ends by the request's time, and the server sees it", async (make) => {
  await using server = modelServer({ hangsAfter: [] });
  using desk = openDesk({ providers: [make(server.url)] });
  const error = await assertRejects(() => desk.ask({ ...ask, request: { ...ask.request, timeoutMs: 50 } }), ModelError);
  assertEquals([error.code, error.data.retryable], ["MODEL_TIMEOUT", false]);
  await server.left;
});

each("an answer without end is given up, and the server sees it; of a refusal the beginning is read", async (make) => {
  await using server = modelServer({ sendsBytes: 2 * MODEL_ANSWER_BYTES_MAX }, { sendsBytes: MODEL_ANSWER_BYTES_MAX, as: 400 }, {
    pieces: ["x"],
  });
  using desk = openDesk({ providers: [make(server.url)] });
  const endless = await assertRejects(() => desk.ask(ask), ModelError, `more than ${MODEL_ANSWER_BYTES_MAX} bytes`);
  assertEquals([endless.code, endless.data.retryable, endless.data.mayHaveCost], ["MODEL_ANSWER", false, true]);
  await server.left;
  const refusal = await assertRejects(() => desk.ask(ask), ModelError, "400 yyy");
  assert(refusal.code === "MODEL_REQUEST" && refusal.message.length < 2 * REFUSAL_BYTES_MAX);
  assertEquals((await desk.ask(ask)).text, "x");
});

each("a key that can be none is refused before anything is sent, and not shown", (_make, provider) => {
  for (const apiKey of ["secret\n", "secret\r", " secret", "sécret", "se\0cret"]) {
    const plan = { name: provider, apiKey, baseUrl: "http://127.0.0.1:1", model: "m", clock: new SystemClock(0) };
    const open = provider === "anthropic" ? anthropicProvider(plan) : openAiProvider(plan);
    const { message } = assertThrows(() => open.check(), ModelKeyMissingError, "apiKey holds something that is no key");
    assertFalse(/cret/.test(message), message);
  }
  return Promise.resolve();
});

each("nobody there is a connection error that names what happened", async (make) => {
  const gone = modelServer({ pieces: [] });
  await gone[Symbol.asyncDispose]();
  using desk = openDesk({ providers: [make(gone.url)], retriesMax: 0 });
  const error = await assertRejects(() => desk.ask(ask), ModelError, "refused");
  assertEquals([error.code, error.data.retryable], ["MODEL_CONNECTION", true]);
});

each("an answer that says that nothing is left holds the next request back", async (make, provider) => {
  const used: Record<string, string> = provider === "anthropic"
    ? {
      "anthropic-ratelimit-requests-remaining": "0",
      "anthropic-ratelimit-requests-reset": new Date(performance.now() + 3_600_000).toISOString(),
    }
    : { "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m30s" };
  await using server = modelServer({ pieces: ["one"], headers: used }, { pieces: ["two"] });
  using desk = openDesk({ providers: [make(server.url)] });
  await desk.ask(ask);
  const given = new AbortController();
  const second = desk.ask({ ...ask, signal: given.signal });
  for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
  assertEquals(server.asked.length, 1);
  given.abort(new Error("no longer wanted"));
  await assertRejects(() => second, Error, "no longer wanted");
});

testWith(NEEDS, "connections are kept and used again", async () => {
  await using server = modelServer({ pieces: ["x"] });
  using desk = openDesk({ providers: [BOTH.openai(server.url)] });
  for (let turn = 0; turn < 5; turn++) await desk.ask(ask);
  const { opened, acquired, idle } = desk.connections.openai;
  assertEquals([opened, acquired, idle], [1, 5, 1]);
  assert(isKernelError(new ModelError("MODEL_SERVER", "x", "y")));
});
