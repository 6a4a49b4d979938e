import { assertEquals, assertRejects } from "@std/assert";
import { KernelError } from "../../core/base/errors.ts";
import { ConnectionPool } from "../../core/models/connection_pool.ts";
import { FakeClock } from "../../core/testing.ts";

const PLAN = { min: 1, max: 2, acquireTimeoutMs: 100, idleTimeoutMs: 50, evictionIntervalMs: 10 };

function bench() {
  const clock = new FakeClock(1_000);
  const made: { usable: boolean; closed: boolean; isUsable(): boolean; close(): void }[] = [];
  let fails = false;
  const pool = new ConnectionPool(
    () => {
      if (fails) return Promise.reject(new Error("cannot open"));
      const connection = {
        usable: true,
        closed: false,
        isUsable: (): boolean => connection.usable,
        close: (): void => void (connection.closed = true),
      };
      made.push(connection);
      return Promise.resolve(connection);
    },
    PLAN,
    clock,
  );
  return { clock, made, pool, fail: (yes: boolean) => fails = yes };
}

Deno.test("as many as may be are opened, then whoever comes waits in order", async () => {
  const { pool, made } = bench();
  const [a, b] = await Promise.all([pool.acquire(), pool.acquire()]);
  const order: string[] = [];
  const third = pool.acquire().then((connection) => (order.push("third"), connection));
  const fourth = pool.acquire().then((connection) => (order.push("fourth"), connection));
  assertEquals([made.length, pool.statistics.waiting, pool.statistics.lent], [2, 2, 2]);
  pool.release(a);
  pool.release(await third);
  pool.release(await fourth);
  pool.release(b);
  assertEquals([order, made.length, pool.statistics.acquired, pool.statistics.idle], [["third", "fourth"], 2, 4, 2]);
  pool.close();
});

Deno.test("a wait ends by its time or its signal", async () => {
  const { pool, clock } = bench();
  await Promise.all([pool.acquire(), pool.acquire()]);
  const given = new AbortController();
  const [late, left] = [pool.acquire(), pool.acquire(given.signal)];
  given.abort(new Error("enough"));
  await assertRejects(() => left, Error, "enough");
  clock.advance(100);
  await assertRejects(() => late, KernelError, "all 2 connections were lent for 100 ms");
  assertEquals([pool.statistics.waiting, pool.statistics.timedOut], [0, 1]);
  pool.close();
});

Deno.test("one that is not usable any more, or broke, is closed and another opened", async () => {
  const { pool, made } = bench();
  const a = await pool.acquire();
  pool.release(a);
  made[0].usable = false;
  const b = await pool.acquire();
  assertEquals([made[0].closed, b === made[1]], [true, true]);
  pool.release(b, true);
  assertEquals([made[1].closed, pool.statistics.size], [true, 0]);
  pool.close();
});

Deno.test("what nobody wanted for a while is closed, down to the least number", async () => {
  const { pool, clock, made } = bench();
  for (const connection of await Promise.all([pool.acquire(), pool.acquire()])) pool.release(connection);
  clock.advance(40);
  assertEquals(pool.statistics.size, 2);
  clock.advance(20);
  assertEquals([pool.statistics.size, made.map(({ closed }) => closed)], [1, [true, false]]);
  pool.close();
  assertEquals(made.every(({ closed }) => closed), true);
});

Deno.test("one that cannot be opened takes no place; a closed pool lends nothing and closes what comes back", async () => {
  const { pool, made, fail } = bench();
  fail(true);
  for (let turn = 0; turn < 5; turn++) await assertRejects(() => pool.acquire(), Error, "cannot open");
  fail(false);
  const [a] = await Promise.all([pool.acquire(), pool.acquire()]);
  const waits = pool.acquire();
  pool.close();
  await assertRejects(() => waits, KernelError, "has been closed");
  pool.release(a);
  assertEquals(made[0].closed, true);
});
