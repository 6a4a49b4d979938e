import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { defineAgent, type Message } from "../../core/agents/agent.ts";
import { BorrowedBytes } from "../../core/bus/borrowed_bytes.ts";
import { Simulation } from "../../core/testing.ts";

const bytesFrom = (length: number): Uint8Array => new Uint8Array(length).map((_, at) => (at * 7) & 255);

Deno.test("plain bytes are lent to their handler: readable within it, also across an await; then they are gone, a copy stays", async () => {
  const kept: { loan: BorrowedBytes; view: Uint8Array; copy: Uint8Array; late: Uint8Array }[] = [];
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => release = resolve);
  const reader = defineAgent<BorrowedBytes>({
    async onMessage({ payload }) {
      const copy = payload.copy();
      if (payload.length > 8) await gate;
      kept.push({ loan: payload, view: payload.bytes(), copy, late: payload.copy() });
    },
  });
  const kernel = new Simulation({ behaviors: { reader } });
  for (const length of [0, 7, 64, 16_000, 100_000]) {
    const agent = await kernel.until(kernel.host(0).spawn("reader", { host: 1 }));
    kernel.host(0).send(0, agent, bytesFrom(length));
  }
  await kernel.settle();
  // What lies in the ring by now is something else.
  const noise = await kernel.until(kernel.host(0).spawn("reader", { host: 1 }));
  for (let number = 0; number < 500; number++) kernel.host(0).send(0, noise, { number });
  release();
  await kernel.settle();
  const five = kept.filter(({ loan }) => loan instanceof BorrowedBytes);
  assertEquals(five.map(({ copy }) => copy.length).sort((a, b) => a - b), [0, 7, 64, 16_000, 100_000]);
  for (const { loan, view, copy, late } of five) {
    assertEquals(copy, bytesFrom(copy.length));
    assertEquals(late, copy);
    assertThrows(() => loan.bytes(), Error, "copy()");
    // Poisoned, or somebody else's by now.
    assert(copy.length === 0 || view.some((byte, at) => byte !== copy[at]), "what was lent is still there");
  }
  assertEquals(kernel.inspect().slabsInUse, 0);
});

Deno.test("large bytes are lent from one room: who goes on after its turn keeps its own, who copies has a copy", async () => {
  const seen: Uint8Array[] = [];
  const waits: (() => void)[] = [];
  const late = async ({ payload }: Message<BorrowedBytes>): Promise<void> => {
    await new Promise<void>((resolve) => waits.push(resolve));
    seen.push(payload.copy());
  };
  const copies = defineAgent<BorrowedBytes>({ onMessage: ({ payload }) => void seen.push(payload.copy()) });
  const awaits = defineAgent<BorrowedBytes>({
    async onMessage(message) {
      await late(message);
    },
  });
  const returns = defineAgent<BorrowedBytes>({ onMessage: (message) => late(message) }); // no async function: its bytes may move
  const kernel = new Simulation({ behaviors: { copies, awaits, returns } });
  const lengths = [20_000, 40_000, 1_000_000, 17_000];
  for (const length of lengths) {
    for (const type of ["awaits", "returns", "copies"]) {
      kernel.host(0).send(0, await kernel.until(kernel.host(0).spawn(type, { host: 1 })), bytesFrom(length));
    }
  }
  await kernel.settle();
  assertEquals([seen.length, waits.length], [lengths.length, 2 * lengths.length]);
  for (const resume of waits) resume();
  await kernel.settle();
  for (const bytes of seen) assertEquals(bytes, bytesFrom(bytes.length));
  assertEquals(seen.map(({ length }) => length).sort(), lengths.flatMap((length) => [length, length, length]).sort());
  assertEquals(kernel.inspect().slabsInUse, 0);
});

Deno.test("bytes on loan may be sent on, alone or inside of something; nested bytes, answers and dead letters are copies", async () => {
  const seen: unknown[] = [];
  const sink = defineAgent({ onMessage: ({ payload }) => void seen.push(payload instanceof BorrowedBytes ? payload.copy() : payload) });
  const relay = defineAgent<BorrowedBytes>({
    onMessage(message, ctx) {
      ctx.send(message.from, message.payload);
      ctx.send(message.from, { inside: [message.payload] });
      ctx.reply(message.payload);
    },
  });
  const kernel = new Simulation({ behaviors: { sink, relay } });
  const [to, agent] = [await kernel.until(kernel.host(0).spawn("sink")), await kernel.until(kernel.host(0).spawn("relay", { host: 1 }))];
  assertEquals(await kernel.until(kernel.host(0).ask(to, agent, bytesFrom(50))), bytesFrom(50));
  kernel.host(0).send(0, to, { nested: bytesFrom(3) });
  await kernel.settle();
  assertEquals(seen, [bytesFrom(50), { inside: [bytesFrom(50)] }, { nested: bytesFrom(3) }]);
  await assertRejects(() => kernel.until(kernel.host(0).ask(0, to, bytesFrom(9), { timeoutMs: 5 })), Error, "without calling ctx.reply");
  kernel.host(0).send(0, to, bytesFrom(9), { ttlMs: 1 });
  kernel.clock.advance(5);
  await kernel.settle();
  assertEquals(kernel.host(kernel.hostOf(to)).deadLetters()[0].message.payload, bytesFrom(9));
});

Deno.test("the texts of a message arrive with it, and are checked by name", async () => {
  const seen: Message[] = [];
  const sink = defineAgent({ onMessage: (message) => void seen.push(message) });
  const kernel = new Simulation({ behaviors: { sink } });
  const agent = await kernel.until(kernel.host(0).spawn("sink", { host: 1 }));
  const labels = { type: "greeting", causationId: 7, conversationId: "c1", traceparent: "00-4bf9-00f0-01" };
  kernel.host(0).send(0, agent, { hello: 1 }, labels);
  kernel.host(0).send(0, agent, bytesFrom(20), { type: "bytes" });
  kernel.host(0).send(0, agent, "bare");
  kernel.host(0).send(0, agent, "x".repeat(50_000), { type: "large" });
  await kernel.settle();
  const { type, causationId, conversationId, traceparent } = seen[0];
  assertEquals([{ type, causationId, conversationId, traceparent }, seen[0].payload], [labels, { hello: 1 }]);
  assertEquals([seen[1].type, seen[1].payload], ["bytes", bytesFrom(20)]);
  assertEquals(["type" in seen[2], seen[3].type, (seen[3].payload as string).length], [false, "large", 50_000]);
  assertThrows(() => kernel.host(0).send(0, agent, 1, { type: 5 as unknown as string }), Error, "type is the number 5");
  assertThrows(() => kernel.host(0).send(0, agent, 1, { conversationId: "x".repeat(2_000) }), Error, "conversationId");
});

Deno.test("agents publish and subscribe across hosts; one that has ended leaves its topics", async () => {
  const heard: [string | undefined, unknown][] = [];
  const listener = defineAgent({
    onStart: (ctx) => void ctx.subscribe("orders.*.paid"),
    onMessage: (message) => void heard.push([message.topic, message.payload]),
  });
  const seller = defineAgent<{ topic: string }>({ onMessage: (message, ctx) => void ctx.publish(message.payload.topic, { from: ctx.id }) });
  const kernel = new Simulation({ hosts: 3, behaviors: { listener, seller } });
  const [one, two] = [
    await kernel.until(kernel.host(0).spawn("listener", { host: 1 })),
    await kernel.until(kernel.host(0).spawn("listener", { host: 2 })),
  ];
  const agent = await kernel.until(kernel.host(0).spawn("seller", { host: 1 }));
  for (const topic of ["orders.eu.paid", "orders.eu.sent", "orders.us.paid"]) kernel.host(0).send(0, agent, { topic });
  await kernel.settle();
  const both = ["orders.eu.paid", "orders.us.paid"].flatMap((topic) => [[topic, { from: agent }], [topic, { from: agent }]]);
  assertEquals(heard.toSorted((a, b) => a[0]! < b[0]! ? -1 : 1), both as typeof heard);
  await kernel.until(kernel.host(0).terminate(one));
  kernel.host(0).send(0, agent, { topic: "orders.eu.paid" });
  await kernel.settle();
  assertEquals(heard.length, 5);
  assertEquals(kernel.hostOf(two), 2);
});
