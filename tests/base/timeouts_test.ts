import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { stampsOf, SystemClock } from "../../core/base/clock.ts";
import { Deadlines } from "../../core/base/deadlines.ts";
import { type Timeout, Timeouts } from "../../core/base/timeouts.ts";
import { FakeClock } from "../../core/testing.ts";

class Noted implements Timeout {
  before: Timeout | null = null;
  after: Timeout | null = null;

  constructor(readonly at: number, private readonly expired: Noted[]) {}

  expire(): void {
    this.expired.push(this);
  }
}

Deno.test("timeouts come when their time has come, also of callers whose clocks differ, and never when they were removed", () => {
  const step = fc.record({
    what: fc.constantFrom("add", "remove", "pass"),
    delay: fc.constantFrom(10, 20, 500),
    late: fc.nat({ max: 3 }),
    which: fc.nat(),
    ms: fc.nat({ max: 15 }),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
    const clock = new FakeClock(1_000);
    const deadlines = new Deadlines(clock);
    const timeouts = new Timeouts(deadlines, clock);
    const pending = new Set<Noted>();
    const expired: Noted[] = [];
    const check = (): void => {
      const due = [...pending].filter(({ at }) => at <= clock.now());
      assertEquals(new Set(expired), new Set(due));
      for (const one of expired.splice(0)) pending.delete(one);
    };
    for (const { what, delay, late, which, ms } of steps) {
      if (what === "add") {
        const timeout = new Noted(clock.now() - late + delay, expired);
        timeouts.insert(timeout, delay);
        pending.add(timeout);
      } else if (what === "remove" && pending.size > 0) {
        const timeout = [...pending][which % pending.size];
        timeouts.remove(timeout);
        timeouts.remove(timeout);
        pending.delete(timeout);
      } else {
        clock.advance(ms);
        check();
      }
    }
    clock.advance(1_000);
    check();
    assertEquals(pending.size, 0);
  }));
});

Deno.test("more lengths than have lists of their own share one", () => {
  const clock = new FakeClock(0);
  const timeouts = new Timeouts(new Deadlines(clock), clock);
  const expired: Noted[] = [];
  for (let delay = 600; delay > 0; delay--) timeouts.insert(new Noted(delay, expired), delay);
  clock.advance(600);
  assertEquals(expired.length, 600);
});

Deno.test("stamps follow the clock, never run backwards, and take a clock of somebody else as it is", () => {
  const clock = new SystemClock(0);
  const stamps = stampsOf(clock);
  let last = 0;
  for (let look = 0; look < 100_000; look++) {
    const stamp = stamps.now();
    assertEquals(stamp >= last && stamp <= clock.now(), true);
    last = stamp;
  }
  const fake = new FakeClock(5);
  assertEquals(stampsOf(fake), fake);
});
