/** Sliding windows against a list of all times, and forecasts on steady and on rising rates. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { EventCounter } from "../../core/threats/event_counter.ts";

Deno.test("the count is reached exactly when so many events lie within the window", () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 60 });
  fc.assert(fc.property(gaps, fc.integer({ min: 2, max: 6 }), (waits, count) => {
    const counter = new EventCounter(count, 1_000, 0);
    let now = 0;
    let seen: number[] = [];
    for (const wait of waits) {
      now += wait;
      seen = [...seen.filter((at) => now - at <= 1_000), now];
      const expected = seen.length >= count;
      assertEquals(counter.add(now), expected);
      if (expected) seen = [];
      assertEquals(counter.countAt(now), seen.length);
    }
  }));
});

Deno.test("a rate that rises is foreseen before the count is reached, a steady one below it is not", () => {
  const rising = new EventCounter(100, 60_000, 0);
  let [now, foreseenAt, reachedAt] = [0, -1, -1];
  for (let gap = 4_000; reachedAt < 0; gap = Math.max(20, gap * 0.93)) {
    now += gap;
    if (rising.add(now)) reachedAt = now;
    else if (foreseenAt < 0 && rising.willReach(now, 15_000)) foreseenAt = now;
  }
  assert(foreseenAt > 0 && foreseenAt < reachedAt, `foreseen at ${foreseenAt}, reached at ${reachedAt}`);
  const steady = new EventCounter(100, 60_000, 0);
  for (let at = 0; at < 600_000; at += 1_000) {
    steady.add(at);
    assert(!steady.willReach(at, 15_000), `60 events a window were foreseen to become 100, at ${at}`);
  }
});

Deno.test("after a long silence the past says nothing", () => {
  const counter = new EventCounter(40, 8_000, 0);
  let now = 0;
  for (let gap = 400; gap > 60; gap *= 0.93) counter.add(now += gap);
  assert(counter.willReach(now, 4_000));
  counter.add(now + 1_000_000);
  assert(!counter.willReach(now + 1_000_000, 4_000));
});
