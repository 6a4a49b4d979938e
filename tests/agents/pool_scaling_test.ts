import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { nextSize } from "../../core/agents/pool_scaling.ts";
import type { WarmPoolPlan } from "../../core/base/config.ts";

const DOCUMENT: WarmPoolPlan = { sizeMin: 5, sizeMax: 40, growAtShare: 0.8, shrinkAtShare: 0.3, cooldownMs: 1, dynamic: true };

Deno.test("grows from four fifths, shrinks from three tenths, stays in between", () => {
  const cases: [size: number, wanted: number, next: number][] = [
    ...[[10, 7, 10], [10, 4, 10]] as [number, number, number][],
    ...[[10, 8, 15], [10, 11, 20], [10, 1_000, 20], [30, 1_000, 40], [40, 1_000, 40]] as [number, number, number][],
    ...[[20, 6, 11], [20, 0, 10], [10, 0, 5], [6, 0, 5], [5, 0, 5]] as [number, number, number][],
  ];
  for (const [size, wanted, next] of cases) assertEquals(nextSize(size, wanted, DOCUMENT), next, `${wanted} of ${size}`);
});

Deno.test("a pool may begin and end empty", () => {
  const plan = { ...DOCUMENT, sizeMin: 0 };
  assertEquals([nextSize(0, 0, plan), nextSize(0, 1, plan), nextSize(1, 1, plan), nextSize(2, 1, plan), nextSize(1, 0, plan)], [
    0,
    1,
    2,
    2,
    0,
  ]);
});

const plans = fc.record({
  ...{ sizeMin: fc.nat(50), extra: fc.nat(200), shrinkAtShare: fc.double({ min: 0, max: 0.98, noNaN: true }) },
  gap: fc.double({ min: 0.01, max: 1, noNaN: true }),
}).map(({ sizeMin, extra, shrinkAtShare, gap }): WarmPoolPlan => ({
  ...{ sizeMin, sizeMax: Math.max(1, sizeMin + extra), shrinkAtShare, growAtShare: Math.min(1, shrinkAtShare + gap) },
  ...{ cooldownMs: 1, dynamic: true },
}));

Deno.test("whatever the plan: within bounds, and a steady load comes to one size in one direction and stays there", () => {
  fc.assert(fc.property(plans, fc.nat(250), fc.nat(500), (plan, offset, wanted) => {
    let size = Math.min(plan.sizeMax, plan.sizeMin + offset);
    const sizes = [size];
    for (let window = 0; window < 30; window++) {
      size = nextSize(size, wanted, plan);
      assert(size >= plan.sizeMin && size <= plan.sizeMax, `${size} of ${plan.sizeMin}…${plan.sizeMax}`);
      sizes.push(size);
    }
    const steps = sizes.slice(1).map((next, index) => Math.sign(next - sizes[index])).filter((step) => step !== 0);
    assertEquals(new Set(steps).size <= 1, true, `grew and shrank in turn: ${sizes}`);
    assertEquals(sizes.at(-1), sizes.at(-2), `never came to rest: ${sizes}`);
  }));
});
