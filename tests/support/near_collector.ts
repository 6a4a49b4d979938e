/** What collects for a flush, in this thread: each message takes a turn, in which something else may be done, and it may die at one of them. */
import { crc32c } from "../../core/memory/crc32c.ts";
import type { OpenCollector } from "../../core/memory/collected_part.ts";
import { StoreCollector } from "../../core/memory/store_collector.ts";
import { COLLECTOR } from "../../core/memory/store_lock.ts";
import { StorePart } from "../../core/memory/store_part.ts";
import type { StoreArena } from "./store_arena.ts";

/** `between` runs before each message arrives; `diesAt` is the number of the order that it dies of. */
export function nearCollector({ memory, layout }: StoreArena, between: () => void = () => {}, diesAt = Infinity): OpenCollector {
  return ({ onSaid, onDeath }) => {
    let orders = 0;
    let isDead = false;
    const later = (then: () => void): void =>
      queueMicrotask(() => {
        between();
        if (!isDead) then();
      });
    const part = new StorePart(memory, layout, COLLECTOR);
    const collector = new StoreCollector(part, crc32c, (said) => later(() => onSaid(said)));
    return {
      post: (order) =>
        later(() => {
          isDead = ++orders >= diesAt;
          if (isDead) onDeath("killed by a test");
          else collector.take(order);
        }),
      abandon: (why) => {
        isDead = true;
        onDeath(why);
      },
      end: () => Promise.resolve(void (isDead = true)),
    };
  };
}
