import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { InvalidArgumentError, KernelError } from "../../core/base/errors.ts";
import { EventBus } from "../../core/bus/event_bus.ts";
import { FakeClock } from "../../core/testing.ts";

interface Events {
  "order.paid": { amount: number };
  "order.lost": string;
  "order": number;
  "agent:spawned": number;
}

Deno.test("listeners are called by priority, then in order, with payload and name; wildcards hear what they meet", () => {
  const bus = new EventBus<Events>();
  const heard: string[] = [];
  bus.on("order.*", (_payload, event) => heard.push(`one level ${event}`));
  bus.on("order.paid", ({ amount }) => heard.push(`paid ${amount}`));
  bus.on("#", (_payload, event) => heard.push(`all ${event}`), { priority: -1 });
  bus.on("order.paid", () => heard.push("first"), { priority: 5 });
  bus.on("order.#", () => heard.push("order and below"));
  assertEquals(bus.emit("order.paid", { amount: 3 }), 5);
  assertEquals(heard, ["first", "one level order.paid", "paid 3", "order and below", "all order.paid"]);
  assertEquals([bus.emit("order", 1), bus.emit("agent:spawned", 1), bus.listenerCount(), bus.listenerCount("order")], [2, 1, 5, 2]);
});

Deno.test("off, once, the returned function and an aborted signal stop listening", () => {
  const bus = new EventBus<Events>();
  const heard: string[] = [];
  const listener = (text: string): number => heard.push(text);
  bus.on("order.lost", listener);
  bus.on("order.lost", listener);
  bus.once("order.lost", (text) => heard.push(`once ${text}`));
  const stop = new AbortController();
  bus.on("order.lost", (text) => heard.push(`signal ${text}`), { signal: stop.signal });
  bus.emit("order.lost", "a");
  assertEquals(bus.off("order.lost", listener), 2);
  assertEquals(bus.off("order.lost", listener), 0);
  stop.abort();
  bus.on("order.lost", listener, { signal: stop.signal });
  const off = bus.on("order.lost", listener);
  off();
  off();
  assertEquals([bus.emit("order.lost", "b"), bus.listenerCount(), heard], [0, 0, ["a", "a", "once a", "signal a"]]);
  bus.on("order", () => {});
  bus.clear();
  assertEquals(bus.listenerCount(), 0);
});

Deno.test("a listener that is stopped, or added, while an event is on its way does not hear that one", () => {
  const bus = new EventBus<Events>();
  const heard: string[] = [];
  bus.on("order", () => {
    off();
    bus.on("order", () => heard.push("late"));
  }, { priority: 1 });
  const off = bus.on("order", () => heard.push("stopped"));
  assertEquals(bus.emit("order", 1), 1);
  assertEquals(heard, []);
  bus.once("order.lost", () => bus.emit("order.lost", "again"));
  assertEquals(bus.emit("order.lost", "x"), 1, "once means once, also when it emits itself");
});

Deno.test("a listener that throws or rejects stops no other; its error goes to onError", async () => {
  const errors: unknown[] = [];
  const bus = new EventBus<Events>({ onError: (error, event) => void errors.push(`${event}: ${(error as Error).message}`) });
  let reached = 0;
  bus.on("order", () => {
    throw new Error("thrown");
  });
  bus.on("order", () => Promise.reject(new Error("rejected")));
  bus.on("order", async () => {
    await Promise.resolve();
    reached++;
  });
  assertEquals(bus.emit("order", 1), 3);
  assertEquals(errors, ["order: thrown"]);
  assertEquals(await bus.emitAsync("order", 1), 3);
  assertEquals(reached, 2);
  assertEquals(errors, ["order: thrown", "order: rejected", "order: thrown", "order: rejected"]);
});

Deno.test("without onError the failure comes out of emit, after all have been called", async () => {
  const bus = new EventBus<Events>();
  let reached = 0;
  bus.on("order", () => {
    throw new Error("thrown");
  });
  bus.on("order", () => reached++);
  const error = assertThrows(() => bus.emit("order", 1), KernelError);
  assertEquals([error.code, (error.cause as Error).message, reached], ["LISTENER_FAILED", "thrown", 1]);
  assertEquals((await assertRejects(() => bus.emitAsync("order", 1), KernelError)).code, "LISTENER_FAILED");
});

Deno.test("listeners are bounded, and what cannot be one is refused", () => {
  const bus = new EventBus<Events>({ listenersMax: 2 });
  bus.on("order", () => {});
  const off = bus.on("order", () => {});
  assertEquals(assertThrows(() => bus.on("order", () => {}), KernelError).code, "LISTENER_LIMIT");
  off();
  bus.on("#", () => {})();
  assertThrows(() => bus.on("a.#.b" as "#", () => {}), InvalidArgumentError);
  assertThrows(() => bus.on("order", null as unknown as () => void), InvalidArgumentError);
  assertThrows(() => bus.on("order", () => {}, { priority: NaN }), InvalidArgumentError);
  assertThrows(() => (bus as unknown as EventBus).emit("order.*", 1), InvalidArgumentError);
});

Deno.test("waitFor resolves with the next payload, or ends by time or signal, and leaves nothing behind", async () => {
  const clock = new FakeClock();
  const bus = new EventBus<Events>({ clock });
  const next = bus.waitFor("order.lost", { timeoutMs: 10 });
  bus.emit("order.lost", "x");
  assertEquals(await next, "x");
  const late = bus.waitFor("order.lost", { timeoutMs: 10 });
  clock.advance(10);
  assertEquals((await assertRejects(() => late, KernelError)).code, "EVENT_TIMEOUT");
  const stop = new AbortController();
  const aborted = bus.waitFor("order.lost", { signal: stop.signal });
  stop.abort(new Error("enough"));
  await assertRejects(() => aborted, Error, "enough");
  await assertRejects(() => bus.waitFor("order.lost", { signal: stop.signal }), Error, "enough");
  assert(bus.listenerCount() === 0);
});
