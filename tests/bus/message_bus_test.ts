import { assert, assertEquals, assertNotStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  InvalidArgumentError,
  isKernelError,
  KernelError,
  MessageTooLargeError,
  PayloadNotCloneableError,
} from "../../core/base/errors.ts";
import type { Delivery } from "../../core/bus/bus_options.ts";
import type { MessageFilter } from "../../core/bus/message_filter.ts";
import { MessageBus } from "../../core/bus/message_bus.ts";
import { store } from "../../core/memory/atomics.ts";
import { hostStateOf } from "../../core/memory/bus_layout.ts";
import { FakeClock } from "../../core/testing.ts";
import { busArena } from "../support/bus_arena.ts";

interface Buses {
  /** A bus a host, all in this thread. */
  readonly buses: MessageBus[];
  readonly clock: FakeClock;
  readonly delivered: { agent: number; payload: unknown; delivery: Delivery }[];
  setState(host: number, state: number): void;
}

function busesOf(hosts: number, cells = 2_000, deliver?: (agent: number) => boolean): Buses {
  const { memory, layout } = busArena(Math.max(2, hosts), cells);
  const clock = new FakeClock();
  const delivered: Buses["delivered"] = [];
  const buses = Array.from({ length: hosts }, (_unused, host) =>
    new MessageBus({
      ...{ memory, layout, host, clock },
      deliver: (agent, payload, delivery) => (deliver?.(agent) ?? true) && delivered.push({ agent, payload, delivery }) > 0,
    }));
  return { buses, clock, delivered, setState: (host, state) => store(memory.words, hostStateOf(layout, host) >> 2, state) };
}

function code(run: () => unknown): string {
  return assertThrows(run, KernelError).code;
}

function payloads(bus: MessageBus, queueId: string, max?: number): unknown[] {
  return bus.consume(queueId, max).map(({ payload }) => payload);
}

Deno.test("a message published on one thread is consumed on another, with every field", () => {
  const { buses: [a, b], clock } = busesOf(2);
  b.createQueue("orders");
  b.subscribe("orders.*", "orders");
  const options = { correlationId: "c-1", causationId: 7, ttlMs: 500, from: 42 };
  assertEquals(a.publish("orders.paid", { amount: 12, at: new Date(5), tags: new Set(["x"]) }, 2, options), true);
  const [message] = b.consume("orders");
  assertEquals(message, {
    ...{ id: message.id, topic: "orders.paid", payload: { amount: 12, at: new Date(5), tags: new Set(["x"]) }, priority: 2 },
    ...{ timestamp: clock.now(), from: 42, correlationId: "c-1", causationId: 7, expiresAt: clock.now() + 500, retryCount: 0 },
  });
  a.publish("orders.paid", null);
  const [plain] = b.consume("orders");
  assertEquals(Object.keys(plain).sort(), ["id", "payload", "priority", "retryCount", "timestamp", "topic"]);
  assertEquals(plain.priority, 0);
  assertNotStrictEquals(plain.id, message.id);
  assertEquals(a.pool.stats().cellsInUse, 1, "only the subscription is left");
});

Deno.test("binary payloads arrive byte-identical, of the kind that they were, at any length up to the bound", () => {
  const { buses: [bus] } = busesOf(1, 6_000);
  bus.createQueue("bytes");
  bus.subscribe("#", "bytes");
  for (const length of [0, 1, 100, 176, 177, 500, 20_000, 1_000_000]) {
    const bytes = Uint8Array.from({ length }, (_unused, index) => index * 7 + length);
    const [view, buffer, part] = [bytes, bytes.buffer, bytes.subarray(length >> 1)].flatMap((payload) => {
      assert(bus.publish("b", payload));
      return payloads(bus, "bytes");
    });
    assertEquals(view, bytes);
    assert(buffer instanceof ArrayBuffer);
    assertEquals(new Uint8Array(buffer), bytes);
    assertEquals(part, bytes.subarray(length >> 1));
  }
  assertThrows(() => bus.publish("b", new Uint8Array(1 << 20)), MessageTooLargeError);
  assertThrows(() => bus.publish("b", { f: () => {} }), PayloadNotCloneableError);
  assertEquals([bus.consume("bytes"), bus.pool.stats().cellsInUse], [[], 1]);
});

Deno.test("values of any size come back as they were", () => {
  const { buses: [bus] } = busesOf(1);
  bus.createQueue("values");
  bus.subscribe("#", "values");
  fc.assert(fc.property(fc.anything({ withDate: true, withMap: true, withSet: true }), fc.string({ maxLength: 400 }), (value, text) => {
    bus.publish("v", [value, text]);
    assertEquals(payloads(bus, "values"), [structuredClone([value, text])]);
  }));
});

Deno.test("priorities come in order, first in first out within one, and a flood of one leaves the others room", () => {
  const { buses: [bus] } = busesOf(1);
  bus.createQueue("q", { capacity: 3 });
  bus.subscribe("t", "q");
  const levels = ["low", "critical", "bulk", "normal", "high", "bulk", "critical", "low", "bulk"] as const;
  levels.forEach((priority, index) => assert(bus.publish("t", `${priority} ${index}`, priority)));
  assertEquals(bus.publish("t", "one too many", "bulk"), false);
  assert(bus.publish("t", "still room", "critical"));
  assertEquals(bus.stats("q"), { queueId: "q", capacity: 3, depth: 10, depthByPriority: [3, 2, 1, 1, 3], published: 10 });
  assertEquals(payloads(bus, "q", 4), ["critical 1", "critical 6", "still room", "high 4"]);
  assertEquals(payloads(bus, "q"), ["normal 3", "low 0", "low 7", "bulk 2", "bulk 5", "bulk 8"]);
});

Deno.test("a queue gets one copy however many of its subscriptions match; each queue has a copy of its own", () => {
  const { buses: [bus] } = busesOf(1);
  for (const queue of ["a", "b"]) {
    bus.createQueue(queue);
    for (const pattern of ["x.#", "x.*", "*.y"]) bus.subscribe(pattern, queue);
  }
  const before = bus.pool.stats().cellsInUse;
  bus.publish("x.y", { n: 1 });
  assertEquals(bus.pool.stats().cellsInUse, before + 2);
  const [[inA], [inB]] = [bus.consume("a"), bus.consume("b")];
  assertEquals(inA, inB);
  assertNotStrictEquals(inA.payload, inB.payload);
  assertEquals([bus.consume("a"), bus.consume("b"), bus.pool.stats().cellsInUse], [[], [], before]);
  assertEquals(bus.stats().queued, 2);
});

Deno.test("filters decide before anything is copied; a subscription without one takes all", () => {
  const { buses: [bus] } = busesOf(1);
  const filters: MessageFilter[] = [
    { field: "payload.amount", op: "gt", value: 10 },
    { and: [{ field: "priority", op: "gte", value: 2 }, { field: "payload.kind", op: "in", value: ["a", "b"] }] },
  ];
  filters.forEach((filter, index) => {
    bus.createQueue(`f${index}`);
    bus.subscribe("#", `f${index}`, { filter });
  });
  bus.publish("t", { amount: 11, kind: "c" }, 2);
  bus.publish("t", { amount: 5, kind: "a" }, 3);
  bus.publish("t", { amount: 5, kind: "a" }, 1);
  assertEquals(payloads(bus, "f0"), [{ amount: 11, kind: "c" }]);
  assertEquals(payloads(bus, "f1"), [{ amount: 5, kind: "a" }]);
  assertEquals(bus.stats().unrouted, 1);
  assertThrows(() => bus.subscribe("#", "f0", { filter: { field: "nonsense", op: "eq", value: 1 } }), InvalidArgumentError);
});

Deno.test("a group's message goes to one member: in turn, by lot, to the least busy; a full one passes it on", () => {
  const { buses: [bus] } = busesOf(1);
  const depths = (): number[] => ["a", "b", "c"].map((queue) => bus.stats(queue).depth);
  for (const queue of ["a", "b", "c"]) bus.createQueue(queue, { capacity: 40 });
  const subscribe = (topic: string, groupPolicy: "round-robin" | "random" | "least-busy"): void =>
    ["a", "b", "c"].forEach((queue) => void bus.subscribe(topic, queue, { group: topic, groupPolicy }));
  subscribe("turns", "round-robin");
  subscribe("lots", "random");
  subscribe("busy", "least-busy");
  for (let sent = 0; sent < 9; sent++) bus.publish("turns", sent);
  assertEquals(depths(), [3, 3, 3]);
  bus.consume("b");
  for (let sent = 0; sent < 3; sent++) bus.publish("busy", sent);
  assertEquals(depths(), [3, 3, 3], "b was the least busy three times");
  for (let sent = 0; sent < 30; sent++) bus.publish("lots", sent);
  assert(depths().every((depth) => depth > 3), `the lot fell on all: ${depths()}`);
  while (bus.publish("turns", "more", 0, { deadLetter: false }));
  assertEquals(depths(), [40, 40, 40], "a message is refused only when all members are full");
  assertEquals(bus.stats().deadLetters, 0);
});

Deno.test("agents are targets beside queues; one that is full or fails stops no other", () => {
  const { buses: [bus], delivered } = busesOf(1, 2_000, (agent) => {
    if (agent === 3) throw new Error("agent 3 is gone");
    return agent !== 2;
  });
  bus.createQueue("q");
  bus.subscribe("t", "q");
  for (const agent of [1, 2, 3, 4]) bus.subscribeAgent(agent === 3 ? "gone" : "t", agent);
  assertEquals(bus.publish("t", { n: 1 }, "high", { from: 9, ttlMs: 50 }), false);
  assertEquals(delivered.map(({ agent }) => agent), [1, 4]);
  assertEquals(delivered[0], { agent: 1, payload: { n: 1 }, delivery: { topic: "t", priority: 2, from: 9, ttlMs: 50 } });
  assertEquals(payloads(bus, "q"), [{ n: 1 }]);
  bus.subscribeAgent("gone", 5);
  assertThrows(() => bus.publish("gone", 1), Error, "agent 3 is gone");
  assertEquals(delivered.at(-1)?.agent, 5);
  const { delivered: count, refused } = bus.stats();
  assertEquals([count, refused], [3, 2]);
  assertEquals(bus.unsubscribeAgent(4), 1);
  assertEquals(bus.unsubscribeAgent(4), 0);
});

Deno.test("unsubscribing holds on every thread, and numbers are not mistaken for later ones", () => {
  const { buses: [a, b] } = busesOf(2);
  a.createQueue("q");
  const first = a.subscribe("t", "q");
  assert(b.publish("t", 1));
  assertEquals(b.unsubscribe(first), true);
  assertEquals(b.unsubscribe(first), false);
  a.publish("t", 2);
  assertEquals(payloads(b, "q"), [1]);
  const second = b.subscribe("t", "q");
  assertEquals(a.unsubscribe(first), false, "an old number must not end a newer subscription in the same place");
  a.publish("t", 3);
  assertEquals([payloads(b, "q"), a.unsubscribe(second), a.stats().subscriptions, a.pool.stats().cellsInUse], [[3], true, 0, 0]);
});

Deno.test("any order of subscribing and publishing on three threads reaches what a plain list says", () => {
  const step = fc.record({
    host: fc.nat({ max: 2 }),
    act: fc.constantFrom("sub", "unsub", "pub"),
    topic: fc.constantFrom("a", "b"),
    queue: fc.nat({ max: 1 }),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const { buses } = busesOf(3, 400);
    for (const queue of ["q0", "q1"]) buses[0].createQueue(queue);
    const live: { id: number; topic: string; queue: string }[] = [];
    const expected: Record<string, number[]> = { q0: [], q1: [] };
    steps.forEach(({ host, act, topic, queue }, index) => {
      const bus = buses[host];
      if (act === "sub") live.push({ id: bus.subscribe(topic, `q${queue}`), topic, queue: `q${queue}` });
      else if (act === "unsub") {
        const [leaving] = live.splice(queue, 1);
        if (leaving) assert(bus.unsubscribe(leaving.id));
      } else {
        assert(bus.publish(topic, index));
        for (const name of new Set(live.filter((one) => one.topic === topic).map((one) => one.queue))) expected[name].push(index);
      }
    });
    for (const queue of ["q0", "q1"]) assertEquals(payloads(buses[2], queue, 100), expected[queue]);
    assertEquals(buses[1].pool.stats().cellsInUse, live.length);
  }));
});

Deno.test("queues are found by name on every thread, created once, and refuse what cannot be", () => {
  const { buses: [a, b] } = busesOf(2);
  a.createQueue("q", { capacity: 10 });
  b.createQueue("q");
  b.createQueue("q", { capacity: 10 });
  assertEquals(code(() => b.createQueue("q", { capacity: 11 })), "QUEUE_EXISTS");
  assertEquals(b.queueIds(), ["q"]);
  for (const wrong of ["", "$dead-letters", "x".repeat(97), 5 as unknown as string]) {
    assertThrows(() => a.createQueue(wrong), InvalidArgumentError);
    assertThrows(() => a.consume(wrong), InvalidArgumentError);
  }
  for (const capacity of [0, 1.5, 65_537]) assertThrows(() => a.createQueue("r", { capacity }), InvalidArgumentError);
  assertEquals(code(() => a.consume("nobody")), "QUEUE_NOT_FOUND");
  assertEquals(code(() => a.subscribe("t", "nobody")), "QUEUE_NOT_FOUND");
  assertThrows(() => a.consume("q", 0), InvalidArgumentError);
  assertThrows(() => a.publish("a.*", 1), InvalidArgumentError);
  assertThrows(() => a.publish("t", 1, 4 as 3), InvalidArgumentError);
  assertThrows(() => a.publish("t", 1, 0, { ttlMs: -1 }), InvalidArgumentError);
  assertThrows(() => MessageBus.standalone().subscribeAgent("t", 1), InvalidArgumentError);
});

Deno.test("there is an end to queues and to their rings, and deleted ones make room", () => {
  const { buses: [bus] } = busesOf(1);
  for (let made = 0; made < 255; made++) bus.createQueue(`q${made}`, { capacity: 2 });
  assertEquals(code(() => bus.createQueue("more")), "QUEUE_LIMIT");
  bus.deleteQueue("q7");
  bus.createQueue("more", { capacity: 64 });
  bus.deleteQueue("more");
  assertEquals(code(() => bus.createQueue("larger", { capacity: 65 })), "QUEUE_LIMIT");
  const other = busesOf(1).buses[0];
  other.createQueue("large", { capacity: 16_384 });
  assertEquals(code(() => other.createQueue("huge", { capacity: 65_536 })), "QUEUE_SPACE");
  other.createQueue("small", { capacity: 100 });
});

Deno.test("a getter that publishes is told, and the message around it is not sent", () => {
  const { buses: [bus] } = busesOf(1);
  bus.createQueue("q");
  bus.subscribe("t", "q");
  const payload = {
    get x() {
      return bus.publish("t", 1);
    },
  };
  assertEquals(code(() => bus.publish("t", payload)), "SEND_IN_GETTER");
  assert(bus.publish("t", 2));
  assertEquals(payloads(bus, "q"), [2]);
});

Deno.test("a thread that was given up for dead can no longer write", () => {
  const { buses: [a, b], setState } = busesOf(2);
  a.createQueue("q");
  a.subscribe("t", "q");
  setState(1, 4);
  for (
    const run of [() => b.publish("t", 1), () => b.consume("q"), () => b.subscribe("t", "q"), () => b.createQueue("r"), () => b.replay()]
  ) {
    assertEquals(code(run), "BUS_CLOSED");
  }
  assert(a.publish("t", 1));
});

Deno.test("errors of the bus name what to do", () => {
  const { buses: [bus] } = busesOf(1);
  try {
    bus.consume("orders");
  } catch (error) {
    assert(isKernelError(error) && error.name === "QueueNotFoundError" && error.data.queueId === "orders");
    assert(error.message.includes("createQueue"), error.message);
  }
});
