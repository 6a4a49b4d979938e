import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { InvalidArgumentError, KernelError } from "../../core/base/errors.ts";
import { localProvider } from "../../core/models/local_provider.ts";
import { ModelError } from "../../core/models/model_errors.ts";
import { holdMs, retryAfterMs } from "../../core/models/rate_limits.ts";
import { ProviderUnknownError, Router } from "../../core/models/routes.ts";
import { fakeProvider, openDesk, replyOf } from "../support/model_desk.ts";

const open = fakeProvider(() => Promise.resolve(replyOf("x")), { name: "open", defaultModel: "big" });
const local = localProvider();
const routerOf = (rules: ConstructorParameters<typeof Router>[1] = [], models = {}) =>
  new Router(new Map([["open", open], ["local", local]]), rules, models);

Deno.test("the first name that is given counts: request, task, agent, type, provider", () => {
  const router = routerOf([], { coder: "for-coders" });
  const to = (asked: (string | undefined)[], agentType?: string) => {
    const { provider, model } = router.route({ asked, agentType, chars: 1 });
    return `${provider.name}/${model}`;
  };
  assertEquals(to(["of-request", "of-task", "of-agent"], "coder"), "open/of-request");
  assertEquals(to([undefined, "of-task", "of-agent"], "coder"), "open/of-task");
  assertEquals(to([undefined, undefined, "local:echo"], "coder"), "local/echo");
  assertEquals([to([], "coder"), to([], "tester"), to(["local:"])], ["open/for-coders", "open/big", "local/outline"]);
  assertEquals(to(["llama3:8b"]), "open/llama3:8b", "a model's own name may hold a colon");
});

Deno.test("rules send requests elsewhere: the first that fits", () => {
  const router = routerOf([
    { agentType: "coder", model: "small*", use: "local:echo" },
    { charsMin: 100, use: "long-context" },
    { model: "alias", use: "real" },
  ]);
  const to = (asked: string | undefined, agentType: string, chars: number) => router.route({ asked: [asked], agentType, chars }).model;
  assertEquals([to("small-1", "coder", 1), to("small-1", "tester", 1), to("small-1", "tester", 100)], ["echo", "small-1", "long-context"]);
  assertEquals([to("alias", "tester", 1), to(undefined, "coder", 1)], ["real", "big"]);
});

Deno.test("an unknown model or provider is an error that names the field, when it is configured or when it is asked", () => {
  assertThrows(() => routerOf([{ use: "local:gpt" }]), ModelError, "executor.routes[0].use: it has no gpt; it has echo, outline");
  assertThrows(() => routerOf([], { coder: "local:x" }), ModelError, "executor.models.coder");
  const alone = new Router(new Map([["local", local]]), [], {});
  const error = assertThrows(
    () => alone.check("opnai:gpt", "config.model"),
    ProviderUnknownError,
    "no provider is called opnai; there are local",
  );
  assertEquals([error.code, error.field], ["PROVIDER_UNKNOWN", "config.model"]);
  assertThrows(() => alone.route({ asked: ["gpt"], agentType: undefined, chars: 1 }), ModelError, "model: it has no gpt");
  assertThrows(() => new Router(new Map([["local", localProvider("local", "nope")]]), [], {}), ModelError, "executor.model");
});

Deno.test("what cannot be asked is refused before anything is sent, by field", async () => {
  let sent = 0;
  using desk = openDesk({ providers: [fakeProvider(() => (sent++, Promise.resolve(replyOf("x"))))] });
  const bad: [Record<string, unknown>, string][] = [
    [{}, "prompt"],
    [{ prompt: "" }, "prompt"],
    [{ prompt: "a", messages: [] }, "prompt"],
    [{ messages: [] }, "messages"],
    [{ messages: [{ role: "robot", content: "x" }] }, "messages[0].role"],
    [{ messages: [{ role: "user", content: 7 }] }, "messages[0].content"],
    [{ messages: [{ role: "user", content: "x" }, { role: "assistant", content: "y" }] }, "messages"],
    [{ prompt: "a", maxTokens: 0 }, "maxTokens"],
    [{ prompt: "a", temperature: 3 }, "temperature"],
    [{ prompt: "a", timeoutMs: -1 }, "timeoutMs"],
    [{ prompt: "a".repeat(900_001) }, "messages"],
  ];
  for (const [request, field] of bad) {
    const error = await assertRejects(() => desk.ask({ agentId: 0, request }), InvalidArgumentError);
    assertEquals(error.field, field);
  }
  assertEquals(sent, 0);
  await assertRejects(
    () => desk.ask({ agentId: 0, request: { prompt: "x" }, signal: AbortSignal.abort(new KernelError("X", "no")) }),
    KernelError,
  );
  assertEquals(sent, 0);
});

Deno.test("waits in headers: seconds, milliseconds, dates, durations", () => {
  const now = Date.parse("2025-01-01T00:00:00Z");
  const after = (headers: Record<string, string>) => retryAfterMs(new Headers(headers), now);
  assertEquals([after({ "retry-after": "1.5" }), after({ "retry-after-ms": "20", "retry-after": "9" })], [1_500, 20]);
  assertEquals(after({ "retry-after": "Wed, 01 Jan 2025 00:00:30 GMT" }), 30_000);
  assertEquals([after({}), after({ "retry-after": "soon" }), retryAfterMs(undefined, now)], [undefined, undefined, undefined]);
  const hold = (headers: Record<string, string>) => holdMs(new Headers(headers), now);
  assertEquals(hold({ "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1m1.5s" }), 61_500);
  assertEquals(
    hold({ "anthropic-ratelimit-requests-remaining": "0", "anthropic-ratelimit-requests-reset": "2025-01-01T00:00:02Z" }),
    2_000,
  );
  assertEquals(hold({ "x-ratelimit-remaining-tokens": "1", "x-ratelimit-reset-tokens": "1m" }), undefined);
  assertEquals(hold({ "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "99h" }), 600_000);
});
