import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { WarmPool } from "../../core/agents/warm_pool.ts";
import type { WarmPoolPlan } from "../../core/base/config.ts";
import { FakeClock } from "../../core/testing.ts";

const PLAN: WarmPoolPlan = { sizeMin: 10, sizeMax: 40, growAtShare: 0.8, shrinkAtShare: 0.3, cooldownMs: 1_000, dynamic: true };

/** A pool over a desk that makes agents at once, or not at all. */
class Scene {
  readonly clock = new FakeClock();
  readonly errors: unknown[] = [];
  /** Agents that were made and neither taken nor ended. */
  readonly alive = new Set<number>();
  /** One entry a refill: how many were asked for. */
  readonly made: number[] = [];
  fails = false;
  limited = false;
  #queued: (() => void)[] = [];
  #next = 1;
  readonly pool: WarmPool;

  constructor(plan: Partial<WarmPoolPlan> = {}) {
    this.pool = new WarmPool("coder", { ...PLAN, ...plan }, {
      desk: {
        spawnMany: (_type, count) => this.#make(count),
        adopt: (id) => {
          if (this.limited) throw new Error("limit");
          return this.alive.delete(id);
        },
        terminate: (id) => Promise.resolve(void this.alive.delete(id)),
      },
      now: () => this.clock.now(),
      later: (callback) => void this.#queued.push(callback),
      onError: (error) => void this.errors.push(error),
    });
  }

  #make(count: number): Promise<number[]> {
    if (this.fails) return Promise.reject(new Error("no"));
    this.made.push(count);
    const ids = Array.from({ length: count }, () => this.#next++);
    for (const id of ids) this.alive.add(id);
    return Promise.resolve(ids);
  }

  take(times: number): number {
    let got = 0;
    for (let time = 0; time < times; time++) if (this.pool.take({ preWarm: true }) !== undefined) got++;
    return got;
  }

  /** Ends the caller's turn. */
  async settle(): Promise<void> {
    for (let step = 0; step < 10; step++) {
      for (const callback of this.#queued.splice(0)) callback();
      await null;
    }
  }

  /** Lets a window pass. */
  async window(): Promise<void> {
    this.clock.advance(1_000);
    this.pool.scale();
    await this.settle();
  }
}

async function full(plan?: Partial<WarmPoolPlan>): Promise<Scene> {
  const scene = new Scene(plan);
  await scene.pool.refill();
  return scene;
}

Deno.test("taking refills nothing within the caller's turn, and everything in one order after it", async () => {
  const scene = await full();
  assertEquals([scene.take(7), scene.made], [7, [10]]);
  await scene.settle();
  assertEquals([scene.made, scene.pool.available], [[10, 7], 10]);
});

Deno.test("grows at four fifths wanted at once, one window later; what was not there counts too", async () => {
  const scene = await full();
  scene.take(8);
  await scene.settle();
  assertEquals([scene.pool.size, scene.pool.available], [10, 10]);
  await scene.window();
  assertEquals([scene.pool.size, scene.pool.available, scene.alive.size], [15, 15, 15]);
  assertEquals(scene.take(100), 15);
  await scene.settle();
  await scene.window();
  assertEquals(scene.pool.size, 30);
  scene.take(100);
  await scene.settle();
  await scene.window();
  assertEquals([scene.pool.size, scene.pool.available], [40, 40]);
});

Deno.test("many taken one by one, refilled in between, need no larger pool", async () => {
  const scene = await full({ sizeMin: 2 });
  for (let taken = 0; taken < 500; taken++) {
    assertEquals(scene.take(1), 1);
    await scene.settle();
  }
  await scene.window();
  assertEquals(scene.pool.size, 2);
});

Deno.test("shrinks at three tenths, by at most half a window, down to its minimum; the surplus is ended", async () => {
  const scene = await full();
  for (let burst = 0; burst < 3; burst++) {
    scene.take(100);
    await scene.settle();
    await scene.window();
  }
  const sizes = [scene.pool.size];
  for (let quiet = 0; quiet < 4; quiet++) {
    await scene.window();
    sizes.push(scene.pool.size);
    assertEquals([scene.pool.available, scene.alive.size], [scene.pool.size, scene.pool.size]);
  }
  assertEquals(sizes, [40, 20, 10, 10, 10]);
});

Deno.test("nothing changes before the cooldown is over, however often it is looked", async () => {
  const scene = await full();
  scene.take(100);
  await scene.settle();
  for (let look = 0; look < 9; look++) {
    scene.clock.advance(100);
    scene.pool.scale();
  }
  assertEquals(scene.pool.size, 10);
  scene.clock.advance(100);
  scene.pool.scale();
  assertEquals(scene.pool.size, 20);
  scene.take(100);
  scene.pool.scale();
  assertEquals(scene.pool.size, 20);
});

Deno.test("dynamicScaling: false keeps the minimum, whatever is wanted", async () => {
  const scene = await full({ dynamic: false });
  for (let burst = 0; burst < 3; burst++) {
    scene.take(100);
    await scene.settle();
    await scene.window();
  }
  assertEquals([scene.pool.size, scene.pool.available], [10, 10]);
});

Deno.test("a pool whose agents cannot be made does not ask for ever more of them, and recovers", async () => {
  const scene = await full();
  scene.fails = true;
  for (let burst = 0; burst < 3; burst++) {
    scene.take(100);
    await scene.settle();
    await scene.window();
  }
  assertEquals([scene.pool.size, scene.pool.available], [10, 0]);
  assertEquals(scene.errors.length > 0, true);
  scene.fails = false;
  await scene.window();
  assertEquals(scene.pool.available, scene.pool.size);
});

Deno.test("an agent that the limit keeps from being taken stays; one that has died is passed over", async () => {
  const scene = await full();
  scene.limited = true;
  assertThrows(() => scene.take(1), Error, "limit");
  assertEquals(scene.pool.available, 10);
  scene.limited = false;
  for (const id of [...scene.alive].slice(5)) scene.alive.delete(id);
  assertEquals([scene.take(6), scene.pool.available], [5, 0]);
});

Deno.test("what a started agent cannot be given is no demand on the pool", async () => {
  const scene = await full();
  for (let time = 0; time < 50; time++) assertEquals(scene.pool.take({ preWarm: true, state: {} }), undefined);
  await scene.window();
  assertEquals([scene.pool.size, scene.pool.available], [10, 10]);
});

Deno.test("closing ends all that were not taken, also those that are being made", async () => {
  const scene = await full();
  scene.take(5);
  const closing = scene.pool.close();
  await scene.settle();
  await closing;
  assertEquals([scene.alive.size, scene.pool.available], [0, 0]);
  scene.take(1);
  await scene.window();
  assertEquals(scene.alive.size, 0);
});

Deno.test("whatever is taken and whenever: never more than maxSize, never fewer than minSize once it has settled, none lost", async () => {
  const steps = fc.array(fc.oneof(fc.nat(60).map((take) => ({ take })), fc.constant({ window: true }), fc.constant({ settle: true })));
  await fc.assert(
    fc.asyncProperty(steps, async (sequence) => {
      const scene = await full();
      for (const step of sequence) {
        if ("take" in step) scene.take(step.take);
        else if ("window" in step) await scene.window();
        else await scene.settle();
        assertEquals(scene.alive.size <= PLAN.sizeMax, true);
        assertEquals(scene.alive.size, scene.pool.available);
      }
      await scene.settle();
      assertEquals(scene.pool.available, scene.pool.size);
      await scene.pool.close();
      assertEquals(scene.alive.size, 0);
    }),
    { numRuns: 50 },
  );
});
