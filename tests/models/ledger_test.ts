import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { type Amounts, Ledger } from "../../core/models/ledger.ts";
import { BudgetExceededError, BudgetUnenforceableError } from "../../core/models/model_errors.ts";
import { Random } from "../../core/base/random.ts";
import type { ModelBudget } from "../../core/bus/model.ts";
import { fakeProvider, openDesk, replyOf } from "../support/model_desk.ts";
import { FakeClock } from "../../core/testing.ts";

const RESOURCES = ["tokens", "usd", "wallMs", "processes"] as const;

function ledgerOf(known: Readonly<Record<number, { parent: number; budget?: ModelBudget }>>): Ledger {
  return new Ledger({ find: (id) => known[id], isAlive: () => true });
}

Deno.test("whatever runs at the same time, in whatever order, no budget of a tree is ever overshot", async () => {
  const limits = fc.record({
    tokens: fc.integer({ min: 0, max: 500 }),
    usd: fc.integer({ min: 0, max: 40 }),
    wallMs: fc.integer({ min: 1, max: 400 }),
    processes: fc.integer({ min: 0, max: 20 }),
  }, { requiredKeys: [] });
  const calls = fc.array(
    fc.record({
      agent: fc.integer({ min: 1, max: 4 }),
      tokens: fc.integer({ min: 1, max: 120 }),
      usd: fc.integer({ min: 0, max: 9 }),
      wallMs: fc.integer({ min: 1, max: 90 }),
      processes: fc.integer({ min: 0, max: 2 }),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    { minLength: 1, maxLength: 50 },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(limits, { minLength: 4, maxLength: 4 }), calls, fc.integer(), async (budgets, all, seed) => {
      // 1 is above 2 and 3, 3 above 4.
      const parents = [0, 0, 1, 1, 3];
      const ledger = ledgerOf(Object.fromEntries(budgets.map((budget, at) => [at + 1, { parent: parents[at + 1], budget }])));
      const spent = new Map([1, 2, 3, 4].map((id) => [id, { tokens: 0, usd: 0, wallMs: 0, processes: 0 }]));
      const random = new Random(seed);
      const open: (() => void)[] = [];
      let settled = 0;
      const asked = all.map(async ({ agent, share, ...wanted }) => {
        try {
          const { amounts, settle } = await ledger.reserve(agent, wanted);
          open.push(() => {
            const charged = Object.fromEntries(RESOURCES.map((name) => [name, amounts[name] * share])) as unknown as Amounts;
            for (let id = agent; id !== 0; id = parents[id]) for (const name of RESOURCES) spent.get(id)![name] += charged[name];
            settle({ charged, inputTokens: 0, outputTokens: 0, usd: 0 });
          });
        } catch (error) {
          if (!(error instanceof BudgetExceededError)) throw error;
        }
        settled++;
      });
      for (let turn = 0; settled < all.length || open.length > 0; turn++) {
        await null;
        if (open.length > 0 && (random.next() < 0.3 || turn % 20 === 19)) open.splice(random.below(open.length), 1)[0]();
        for (const [id, sums] of spent) {
          for (const name of RESOURCES) assert(sums[name] <= (budgets[id - 1][name] ?? Infinity) + 1e-6, `${name} of ${id}: ${sums[name]}`);
        }
        assert(turn < 10_000, "everything ends");
      }
      await Promise.all(asked);
    }),
    { numRuns: 200 },
  );
});

Deno.test("a fan-out of 50 is stopped by the budget exactly: as many are asked as can be paid", async () => {
  const used = { input: 8, output: 2 };
  let running = 0;
  let asked = 0;
  const provider = fakeProvider(async () => {
    asked++;
    running++;
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    return replyOf("x", used.input, used.output);
  });
  using desk = openDesk({ providers: [provider], known: { 1: { budget: { tokens: 400 } }, 2: { parent: 1 } } });
  const call = { agentId: 2, request: { prompt: "hello", maxTokens: 2 } };
  const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => desk.ask(call)));
  const { own, tree, budget } = desk.report(1);
  const refused = outcomes.filter((outcome) => outcome.status === "rejected").map(({ reason }) => reason);
  assertEquals([asked, running, refused.length], [outcomes.length - refused.length, 0, 50 - asked]);
  assert(refused.every((error) => error instanceof BudgetExceededError && error.agentId === 1 && error.resource === "tokens"));
  assertEquals([tree.calls, tree.inputTokens + tree.outputTokens, own.calls], [asked, 10 * asked, 0]);
  // What is left is less than one more call could have taken, though each took less than that.
  assertEquals(budget!.left, { tokens: 400 - 10 * asked });
  assert(refused.length > 0 && budget!.left.tokens! < refused[0].wanted, `${budget!.left.tokens} of ${refused[0].wanted}`);
});

Deno.test("a call that waits for room gets it when another gives back what it did not use, and leaves when it is given up", async () => {
  const ledger = ledgerOf({ 1: { parent: 0, budget: { tokens: 10 } } });
  const wanted = { tokens: 8, usd: 0, wallMs: 1, processes: 0 };
  const first = await ledger.reserve(1, wanted);
  const given = new AbortController();
  const leaves = ledger.reserve(1, wanted, given.signal);
  const waits = ledger.reserve(1, wanted);
  given.abort(new Error("enough"));
  await assertRejects(() => leaves, Error, "enough");
  first.settle({ charged: { ...wanted, tokens: 2 }, inputTokens: 2, outputTokens: 0, usd: 0 });
  first.settle({ charged: wanted, inputTokens: 9, outputTokens: 9, usd: 9 }); // a second time changes nothing
  const second = await waits;
  assertEquals(ledger.report(1).budget!.left, { tokens: 0 });
  second.settle({ charged: { ...wanted, tokens: 8 }, inputTokens: 8, outputTokens: 0, usd: 0 });
  await assertRejects(() => ledger.reserve(1, { ...wanted, tokens: 1 }), BudgetExceededError, "1 tokens wanted at most, 0 of 10 left");
});

Deno.test("children count for their parents, also when the parent has ended and its slot is another's", async () => {
  const known: Record<number, { parent: number; budget?: ModelBudget }> = { 1: { parent: 0, budget: { tokens: 5 } }, 2: { parent: 1 } };
  const ledger = new Ledger({ find: (id) => known[id], isAlive: (id) => known[id] !== undefined });
  ledger.opened(1, 0, known[1].budget);
  ledger.opened(2, 1, undefined);
  delete known[1];
  await assertRejects(() => ledger.reserve(2, { tokens: 6, usd: 0, wallMs: 1, processes: 0 }), BudgetExceededError);
  ledger.opened(3, 0, undefined); // nothing above it, so nothing is kept
  assertEquals(ledger.isBounded(3), false);
});

Deno.test("a call that may have been worked at counts in full, one that was refused counts nothing", async () => {
  const errors = [{ data: { mayHaveCost: true }, left: 0 }, { data: { mayHaveCost: false }, left: 1 }];
  for (const { data, left } of errors) {
    const { KernelError } = await import("../../core/base/errors.ts");
    const provider = fakeProvider(() => Promise.reject(new KernelError("MODEL_REQUEST", "no", data)));
    using desk = openDesk({ providers: [provider], known: { 1: { budget: { tokens: 200 } } } });
    await assertRejects(() => desk.ask({ agentId: 1, request: { prompt: "hello", maxTokens: 10 } }));
    assertEquals(Math.floor(desk.report(1).budget!.left.tokens! / 200), left);
  }
});

Deno.test("a budget that cannot be kept is refused before anything is asked", async () => {
  let asked = 0;
  const send = () => Promise.resolve((asked++, replyOf("x")));
  const known = { 1: { budget: { usd: 1 } }, 2: { budget: { tokens: 1_000 } }, 3: { budget: { processes: 1 } } };
  using desk = openDesk({ providers: [fakeProvider(send)], known });
  using command = openDesk({ providers: [fakeProvider(send, { reportsUsage: false, startsProcess: true })], known });
  const call = (agentId: number) => ({ agentId, request: { prompt: "hello", maxTokens: 10 } });
  await assertRejects(() => desk.ask(call(1)), BudgetUnenforceableError, "no price is known for fake:one");
  await assertRejects(() => command.ask(call(2)), BudgetUnenforceableError, "does not say what it uses");
  assertEquals(asked, 0);
  await command.ask(call(3));
  await assertRejects(() => command.ask(call(3)), BudgetExceededError, "1 processes wanted at most, 0 of 1 left");
});

Deno.test("time is a budget too: a call gets what is left of it, and ends with it", async () => {
  const clock = new FakeClock(1_000);
  const provider = fakeProvider((_request, signal) =>
    new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)))
  );
  using desk = openDesk({ providers: [provider], clock, known: { 1: { budget: { wallMs: 500 } } } });
  const asking = desk.ask({ agentId: 1, request: { prompt: "hello" } });
  asking.catch(() => undefined);
  for (let turn = 0; turn < 20; turn++) await null;
  clock.advance(500);
  await assertRejects(() => asking, Error, "the 500 ms that the agent's budget had left are over");
  await assertRejects(() => desk.ask({ agentId: 1, request: { prompt: "hello" } }), BudgetExceededError, "wallMs");
});

Deno.test("a server that cannot count opens no budget: what it does not say credibly is charged as reserved", async () => {
  const nonsense = [[NaN, 1], [undefined, 1], [-1_000, 1], [1, Infinity], ["1", 1]] as unknown as [number, number][];
  for (const [input, output] of nonsense) {
    const provider = fakeProvider(() => Promise.resolve({ ...replyOf("yes"), usage: { inputTokens: input, outputTokens: output } }));
    using desk = openDesk({ providers: [provider], known: { 1: { budget: { tokens: 200 } } } });
    const ask = (): Promise<unknown> => desk.ask({ agentId: 1, request: { prompt: "?", maxTokens: 40 } });
    const { usage, costUsd } = await ask() as { usage: unknown; costUsd: unknown };
    assertEquals([usage, costUsd], [null, null]);
    await assertRejects(ask, BudgetExceededError);
  }
});
