import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { InvalidArgumentError, KernelError } from "../../core/base/errors.ts";
import { MessageBus } from "../../core/bus/message_bus.ts";
import type { PooledMessage } from "../../core/bus/message_pool.ts";

const poolOf = (messagePoolSize: number) => MessageBus.standalone({ messagePoolSize }).pool;

Deno.test("rooms of any sizes keep their own bytes, and all of them come back", () => {
  const pool = poolOf(200);
  fc.assert(fc.property(fc.array(fc.record({ acquire: fc.boolean(), bytes: fc.nat({ max: 3_000 }) }), { maxLength: 60 }), (steps) => {
    const held: { room: PooledMessage; content: Uint8Array }[] = [];
    steps.forEach(({ acquire, bytes }, index) => {
      if (acquire) {
        const room = pool.acquire(bytes);
        if (room === null) return;
        const content = new Uint8Array(bytes).fill(index + 1);
        pool.write(room, content);
        held.push({ room, content });
      } else if (held.length > 0) pool.release(held.splice(bytes % held.length, 1)[0].room);
      for (const { room, content } of held) assertEquals(pool.read(room), content);
    });
    for (const { room } of held) pool.release(room);
    assertEquals(pool.stats().cellsInUse, 0);
  }));
});

Deno.test("giving back twice is an error, also when the room has a new owner", () => {
  const pool = poolOf(1);
  const first = pool.acquire(10)!;
  assertEquals(pool.acquire(10), null);
  pool.release(first);
  const second = pool.acquire(20)!;
  for (const use of [() => pool.release(first), () => pool.read(first), () => pool.write(first, new Uint8Array(1))]) {
    assertEquals(assertThrows(use, KernelError).code, "DOUBLE_RELEASE");
  }
  pool.release(second);
  assertEquals(pool.stats(), { cells: 1, cellsInUse: 0, acquired: 2, refused: 1 });
});

Deno.test("bounds are named", () => {
  const pool = poolOf(10);
  for (const bytes of [-1, 1.5, (1 << 20) + 1]) assertThrows(() => pool.acquire(bytes), InvalidArgumentError);
  const room = pool.acquire(2)!;
  assertThrows(() => pool.write(room, new Uint8Array(3)), InvalidArgumentError);
  assert(pool.acquire(5_000) === null);
});
