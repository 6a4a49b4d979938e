import { assert, assertEquals, assertRejects } from "@std/assert";
import { KernelError } from "../../core/base/errors.ts";
import { Random } from "../../core/base/random.ts";
import { Resilience } from "../../core/tasks/resilience.ts";
import { FakeClock } from "../../core/testing.ts";
import { until } from "../support/until.ts";

const failure = (data: Record<string, unknown> = {}) => new KernelError("MODEL_SERVER", "down", { retryable: true, ...data });

function bench(options: Partial<ConstructorParameters<typeof Resilience>[0]> = {}) {
  const clock = new FakeClock(1_000);
  const resilience = new Resilience({ clock, random: new Random(1), retriesMax: 3, runningMax: 2, waitingMax: 1, ...options });
  const signal = new AbortController();
  /** Lets time pass until the promise has settled. */
  const pass = async <Value>(promise: Promise<Value>): Promise<Value> => {
    let settled = false;
    const done = promise.finally(() => settled = true);
    done.catch(() => undefined);
    await until(() => settled || (clock.advance(10), false));
    return await done;
  };
  return { clock, resilience, signal, pass };
}

Deno.test("what may be tried again is, after growing waits with jitter; the last error is thrown", async () => {
  const { clock, resilience, signal, pass } = bench();
  const times: number[] = [];
  const attempt = (count: number): Promise<string> => {
    times.push(clock.now());
    assertEquals(count, times.length);
    return Promise.reject(failure());
  };
  await assertRejects(() => pass(resilience.run("a", attempt, signal.signal)), KernelError, "down");
  assertEquals(times.length, 4);
  for (const [at, whole] of [500, 1_000, 2_000].entries()) assert(times[at + 1] - times[at] >= whole / 2, `${times}`);
  assertEquals([resilience.statistics.a.retries, resilience.statistics.a.running], [3, 0]);
});

Deno.test("what cannot be helped by trying again is thrown at once", async () => {
  const { resilience, signal } = bench();
  let asked = 0;
  for (const error of [new Error("plain"), failure({ retryable: false }), failure({ retryAfterMs: 3_600_000 })]) {
    const held = await assertRejects(() => resilience.run(error.message + asked, () => (asked++, Promise.reject(error)), signal.signal));
    assertEquals(held, error);
  }
  assertEquals(asked, 3);
});

Deno.test("what a provider asks for holds for its other calls too, and not for other providers", async () => {
  const { clock, resilience, signal, pass } = bench();
  let first = true;
  const limited = resilience.run("a", () => {
    if (!first) return Promise.resolve(clock.now());
    first = false;
    return Promise.reject(failure({ retryAfterMs: 9_000 }));
  }, signal.signal);
  await until(() => resilience.statistics.a.heldUntil > 0);
  const heldUntil = resilience.statistics.a.heldUntil;
  assertEquals(heldUntil, 10_000);
  const other = resilience.run("a", () => Promise.resolve(clock.now()), signal.signal);
  assertEquals(await resilience.run("b", () => Promise.resolve("at once"), signal.signal), "at once");
  assert(await pass(limited) >= heldUntil && await pass(other) >= heldUntil);
});

Deno.test("a provider that fails again and again is left alone, then tried by one call", async () => {
  const { resilience, signal } = bench({ retriesMax: 0, breaker: { failures: 2, openMs: 1_000 } });
  const now = Date.now;
  let at = now();
  Date.now = () => at; // cockatiel reads it
  try {
    let asked = 0;
    const fail = () => resilience.run("a", () => (asked++, Promise.reject(failure())), signal.signal);
    for (let turn = 0; turn < 2; turn++) await assertRejects(fail, KernelError, "down");
    const error = await assertRejects(fail, KernelError, "is left alone for 1000 ms");
    assertEquals([error.code, (error.cause as Error).message, asked], ["PROVIDER_UNAVAILABLE", "down", 2]);
    assertEquals(resilience.statistics.a.breaker, "open");
    at += 1_001;
    await assertRejects(fail, KernelError, "down");
    await assertRejects(fail, KernelError, "left alone");
    at += 1_001;
    assertEquals(await resilience.run("a", () => Promise.resolve("back"), signal.signal), "back");
    assertEquals([resilience.statistics.a.breaker, asked], ["closed", 3]);
  } finally {
    Date.now = now;
  }
});

Deno.test("a refusal by rate is no outage", async () => {
  const { resilience, signal } = bench({ retriesMax: 0, breaker: { failures: 1, openMs: 1_000 } });
  const limited = new KernelError("MODEL_RATE_LIMITED", "slow down", { retryable: true });
  for (let turn = 0; turn < 3; turn++) {
    await assertRejects(() => resilience.run("a", () => Promise.reject(limited), signal.signal), KernelError, "slow down");
  }
  assertEquals(resilience.statistics.a.breaker, "closed");
});

Deno.test("so many run at a time, so many wait, one more is refused; whoever gives up leaves at once", async () => {
  const { resilience } = bench();
  const gates = [0, 1, 2].map(() => Promise.withResolvers<number>());
  const signals = [0, 1, 2].map(() => new AbortController());
  const running = gates.map(({ promise }, at) => resilience.run("a", () => promise, signals[at].signal));
  await until(() => resilience.statistics.a.waiting === 1);
  await assertRejects(
    () => resilience.run("a", () => Promise.resolve(9), new AbortController().signal),
    KernelError,
    "2 requests run and 1 wait",
  );
  signals[2].abort(new Error("enough"));
  await assertRejects(() => running[2], Error, "enough");
  gates[0].resolve(1);
  gates[1].resolve(2);
  assertEquals(await Promise.all(running.slice(0, 2)), [1, 2]);
  await until(() => resilience.statistics.a.waiting === 0 && resilience.statistics.a.running === 0);
});

Deno.test("a signal ends a wait between two tries", async () => {
  const { resilience, signal } = bench();
  let asked = 0;
  const calling = resilience.run("a", () => (asked++, Promise.reject(failure())), signal.signal);
  await until(() => resilience.statistics.a.retries === 1);
  signal.abort(new Error("enough"));
  await assertRejects(() => calling, Error, "enough");
  assertEquals(asked, 1);
});
