import { assert, assertEquals, assertRejects } from "@std/assert";
import { deadline } from "@std/async";
import { KernelError } from "../../core/base/errors.ts";
import { QUEUE_WAITERS_MAX } from "../../core/base/limits.ts";
import { MessageBus } from "../../core/bus/message_bus.ts";
import { FakeClock } from "../../core/testing.ts";
import { busArena } from "../support/bus_arena.ts";

const PATIENCE_MS = 20_000;

function arena(): { a: MessageBus; b: MessageBus; clock: FakeClock } {
  const { memory, layout } = busArena(2);
  const clock = new FakeClock();
  const [a, b] = [0, 1].map((host) => new MessageBus({ memory, layout, host, clock }));
  a.createQueue("q");
  a.subscribe("t", "q");
  return { a, b, clock };
}

Deno.test("a waiter on one thread is woken by a publish on another, every time", async () => {
  const { a, b } = arena();
  for (let round = 0; round < 200; round++) {
    const waiting = a.waitFor("q");
    if (round % 2 === 0) await Promise.resolve();
    b.publish("t", round);
    assertEquals(await deadline(waiting, PATIENCE_MS), true);
    assertEquals(a.consume("q").map(({ payload }) => payload), [round]);
  }
  a.close();
});

Deno.test("waiting resolves at once when something waits, to false in the end, and rejects when aborted", async () => {
  const { a, clock } = arena();
  const late = a.waitFor("q", { timeoutMs: 50 });
  clock.advance(49);
  const stop = new AbortController();
  const aborted = a.waitFor("q", { signal: stop.signal });
  stop.abort(new Error("enough"));
  await assertRejects(() => aborted, Error, "enough");
  await assertRejects(() => a.waitFor("q", { signal: stop.signal }), Error, "enough");
  clock.advance(1);
  assertEquals(await late, false);
  // The wait on the bell outlives those for whom it began, and serves the next.
  const next = a.waitFor("q");
  a.publish("t", 1);
  assertEquals(await deadline(next, PATIENCE_MS), true);
  assertEquals(await a.waitFor("q"), true);
  await assertRejects(() => a.waitFor("q", { timeoutMs: 0 }));
  await assertRejects(() => a.waitFor("nobody"));
  a.close();
});

Deno.test("two threads that wait for one queue are both woken; deleting it, closing and repair wake too", async () => {
  const { a, b } = arena();
  const [onA, onB] = [a.waitFor("q"), b.waitFor("q")];
  await Promise.resolve();
  a.publish("t", 1);
  assertEquals(await deadline(Promise.all([onA, onB]), PATIENCE_MS), [true, true]);
  a.consume("q");
  const waiting = b.waitFor("q");
  a.deleteQueue("q");
  const error = await assertRejects(() => deadline(waiting, PATIENCE_MS), KernelError);
  assertEquals(error.code, "QUEUE_NOT_FOUND");
  a.createQueue("q2");
  const closing = b.waitFor("q2");
  b.close();
  assertEquals((await assertRejects(() => closing, KernelError)).code, "NOT_INITIALIZED");
  a.repair(1);
});

Deno.test("there is a bound to waiters", async () => {
  const { a } = arena();
  const waiting = Array.from({ length: QUEUE_WAITERS_MAX }, () => a.waitFor("q"));
  assertEquals((await assertRejects(() => a.waitFor("q"), KernelError)).code, "QUEUE_WAITERS");
  a.publish("t", 1);
  const woken = await deadline(Promise.all(waiting), PATIENCE_MS);
  assert(woken.every((one) => one));
});
