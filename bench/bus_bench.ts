/**
 * What topics and named queues cost on one thread: publish and consume through shared memory, with few and with 10,000 wildcard subscriptions, and the
 * queue below them. Beside it what a user would pick instead for the same values within one thread. Iterations move BATCH messages; divide by it.
 *
 * @module
 */
import { EventEmitter } from "node:events";
import { MessageBus } from "../core/bus/message_bus.ts";
import { EventBus } from "../core/bus/event_bus.ts";
import { busParts } from "../core/memory/bus_layout.ts";
import { planLayout } from "../core/memory/layout.ts";
import { MessageCells } from "../core/memory/message_cells.ts";
import { MessageQueue } from "../core/memory/message_queue.ts";
import { allocateMemory } from "../core/memory/shared_memory.ts";

const BATCH = 500;
let checksum = 0;

{
  const layout = planLayout({ hosts: 1, agentSlots: 1, sharedBufferBytes: 32 << 20, storeBytes: 0 });
  const memory = allocateMemory(layout.totalBytes);
  const parts = busParts(layout);
  const cells = new MessageCells(memory, parts, 0);
  const cursors = Array.from(
    { length: 5 },
    (_unused, level) => ({ head: (parts.queues >> 2) + level * 32, tail: (parts.queues >> 2) + level * 32 + 16 }),
  );
  const queue = new MessageQueue(memory, cells, { index: 1, cursors, ring: parts.rings >> 2, ringLog2: 10, capacity: 1_024 });
  Deno.bench({ name: `queue: claim a cell, push, pop, free`, group: "queue" }, () => {
    for (let n = 0; n < BATCH; n++) queue.tryPush(cells.tryClaim(8), 1);
    for (let cell = queue.tryPopLevel(1); cell >= 0; cell = queue.tryPopLevel(1)) cells.free(cell);
  });
}

function busWith(subscriptions: number): MessageBus {
  const bus = MessageBus.standalone();
  bus.createQueue("q");
  bus.subscribe("orders.*.paid", "q");
  for (let index = 1; index < subscriptions; index++) bus.subscribe(`site${index % 100}.*.device${index}`, "q");
  return bus;
}

function drain(bus: MessageBus): void {
  for (let batch = bus.consume("q", BATCH); batch.length > 0; batch = bus.consume("q", BATCH)) checksum += batch.length;
}

const value = { id: 7, kind: "paid", amount: 12.5, open: true };
const bytes = new Uint8Array(64).fill(7);
const few = busWith(1);
const many = busWith(10_000);
const emitter = new EventEmitter();
emitter.on("orders.eu.paid", (payload: typeof value) => void (checksum += payload.id));
const events = new EventBus<{ "orders.eu.paid": typeof value }>();
events.on("orders.*.paid", ({ id }) => void (checksum += id));

for (const [name, bus] of [["1 subscription", few], ["10,000 wildcard subscriptions", many]] as const) {
  Deno.bench({ name: `${name}: publish and consume 64 bytes`, group: "bus", baseline: bus === few }, () => {
    for (let n = 0; n < BATCH; n++) bus.publish("orders.eu.paid", bytes);
    drain(bus);
  });

  Deno.bench({ name: `${name}: publish and consume an object of 4 fields`, group: "bus" }, () => {
    for (let n = 0; n < BATCH; n++) bus.publish("orders.eu.paid", value);
    drain(bus);
  });
}

Deno.bench({ name: "1 subscription: consume alone, 64 bytes", group: "bus" }, (b) => {
  for (let n = 0; n < BATCH; n++) few.publish("orders.eu.paid", bytes);
  b.start();
  drain(few);
  b.end();
});

let topic = 0;
const topics = Array.from({ length: 100_000 }, (_unused, index) => `site${index % 100}.hall${index}.sensor`);
Deno.bench({ name: "10,000 wildcard subscriptions: publish to a new topic that nobody wants", group: "unrouted" }, () => {
  for (let n = 0; n < BATCH; n++) many.publish(topics[topic = (topic + 1) % topics.length], bytes);
});
Deno.bench({ name: "10,000 wildcard subscriptions: publish to a known topic that nobody wants", group: "unrouted" }, () => {
  for (let n = 0; n < BATCH; n++) many.publish("site1.hall1.sensor", bytes);
});

Deno.bench({ name: "structuredClone of the object", group: "alternatives" }, () => {
  for (let n = 0; n < BATCH; n++) checksum += structuredClone(value).id;
});
Deno.bench({ name: "EventBus: emit to one wildcard listener", group: "alternatives" }, () => {
  for (let n = 0; n < BATCH; n++) events.emit("orders.eu.paid", value);
});
Deno.bench({ name: "node:events: emit to one listener", group: "alternatives" }, () => {
  for (let n = 0; n < BATCH; n++) emitter.emit("orders.eu.paid", value);
});

// Read, so that nothing above is thrown away as unused.
addEventListener("unload", () => {
  if (!Number.isInteger(checksum)) throw new Error("the checksum is not a number");
});
