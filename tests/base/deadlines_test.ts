import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { type Deadline, Deadlines } from "../../core/base/deadlines.ts";
import { FakeClock } from "../../core/testing.ts";

Deno.test("deadlines fire in order, once, and not when removed", () => {
  const action = fc.record({ add: fc.boolean(), delay: fc.integer({ min: 0, max: 50 }), pick: fc.nat() });
  fc.assert(fc.property(fc.array(action, { maxLength: 100 }), (actions) => {
    const clock = new FakeClock(0);
    const deadlines = new Deadlines(clock);
    const fired: number[] = [];
    const open = new Map<number, { at: number; deadline: Deadline }>();
    const expected: number[] = [];
    actions.forEach(({ add, delay, pick }, number) => {
      if (add || open.size === 0) {
        open.set(number, { at: clock.now() + delay, deadline: deadlines.add(delay, () => fired.push(number)) });
      } else if (pick % 3 === 0) {
        const [key, { deadline }] = [...open][pick % open.size];
        deadlines.remove(deadline);
        deadlines.remove(deadline); // harmless
        open.delete(key);
      } else {
        clock.advance(delay);
        for (const [key, { at }] of [...open]) {
          if (at > clock.now()) continue;
          expected.push(key);
          open.delete(key);
        }
      }
    });
    assertEquals(fired.toSorted((a, b) => a - b), expected.toSorted((a, b) => a - b));
    assertEquals(deadlines.size, open.size);
    clock.advance(100);
    assertEquals(fired.length, expected.length + open.size);
    assertEquals(deadlines.size, 0);
  }));
});

Deno.test("one timer serves them all, stands while they come and go, and is gone after close", () => {
  let set = 0;
  let timers = 0;
  const clock = {
    now: () => 0,
    schedule: () => {
      set++;
      timers++;
      return () => timers--;
    },
  };
  const deadlines = new Deadlines(clock);
  for (let ask = 0; ask < 100; ask++) deadlines.remove(deadlines.add(30_000, () => undefined));
  assertEquals([set, timers, deadlines.size], [1, 1, 0]);
  deadlines.add(5, () => undefined); // sooner than the one that stands
  assertEquals([set, timers], [2, 1]);
  deadlines.close();
  assertEquals([timers, deadlines.size], [0, 0]);
});
