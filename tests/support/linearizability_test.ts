import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import fc from "fast-check";
import { checkLinearizable, type Operation } from "./linearizability.ts";
import { QUEUE_SPEC, type QueueOp } from "./queue_history.ts";
import { STORE_SPEC, type StoreOp } from "./store_history.ts";

/** `call–return` and the operation, each by another thread. */
function history<Op>(...operations: [call: number, ret: number, op: Op][]): Operation<Op>[] {
  return operations.map(([call, ret, op], thread) => ({ thread, call, ret, op }));
}

const set = (value: number, key = 0): StoreOp => ({ kind: "set", key, value });
const get = (value: number | null, key = 0): StoreOp => ({ kind: "get", key, value });
const entry = (value: number | null, version: number): StoreOp => ({ kind: "entry", key: 0, value, version });
const swap = (expected: number, value: number, done: boolean): StoreOp => ({ kind: "swap", key: 0, expected, value, done });
const remove = (was: boolean): StoreOp => ({ kind: "delete", key: 0, was });
const push = (id: number, done = true): QueueOp => ({ kind: "push", level: 0, id, done });
const take = (id: number): QueueOp => ({ kind: "take", level: 0, id });
const empty: QueueOp = { kind: "empty", level: 0 };

const spec = QUEUE_SPEC(2);

Deno.test("a legal history of a store is accepted", () => {
  const legal: Operation<StoreOp>[][] = [
    history([0, 1, get(null)], [2, 3, set(7)], [4, 5, get(7)]),
    // Overlapping a set, a read may see either value.
    history([0, 9, set(7)], [1, 2, get(null)], [3, 4, get(7)], [5, 6, get(7)]),
    // Two sets at once: in either order, but in one.
    history([0, 9, set(1)], [0, 9, set(2)], [2, 3, get(1)], [4, 5, get(2)], [6, 7, get(2)]),
    history([0, 1, set(1)], [2, 3, entry(1, 5)], [4, 9, swap(5, 2, true)], [4, 9, swap(5, 3, false)], [10, 11, entry(2, 8)]),
    history([0, 1, set(1)], [2, 7, remove(true)], [2, 7, remove(false)], [8, 9, get(null)]),
    // Who died in an operation may have done it or not, at any time.
    history([0, 1, set(1)], [2, Infinity, set(2)], [3, 4, get(1)], [5, 6, get(1)]),
    history([0, 1, set(1)], [2, Infinity, set(2)], [3, 4, get(1)], [5, 6, get(2)]),
    history([0, 1, set(1, 0)], [0, 1, set(2, 1)], [2, 3, get(1, 0)], [2, 3, get(2, 1)]),
  ];
  for (const one of legal) assertEquals(checkLinearizable(one, STORE_SPEC).why, "");
});

Deno.test("a history that no store can have is rejected, with what cannot follow", () => {
  const illegal: Record<string, Operation<StoreOp>[]> = {
    "stale read": history([0, 1, set(1)], [2, 3, set(2)], [4, 5, get(1)]),
    "new value, then old": history([0, 9, set(2)], [1, 2, get(2)], [3, 4, get(null)]),
    "value that nobody set": history([0, 1, set(1)], [0, 3, get(3)]),
    "lost update": history([0, 1, set(1)], [2, 3, entry(1, 4)], [4, 9, swap(4, 2, true)], [4, 9, swap(4, 3, true)]),
    "one version, two values": history([0, 1, set(1)], [2, 3, entry(1, 4)], [4, 5, set(2)], [6, 7, entry(2, 4)]),
    "a version that goes back": history([0, 1, set(1)], [2, 3, entry(1, 4)], [4, 5, set(2)], [6, 7, entry(2, 3)]),
    "deleted twice": history([0, 1, set(1)], [2, 5, remove(true)], [2, 5, remove(true)]),
    "back from a deletion": history([0, 1, set(1)], [2, 3, remove(true)], [4, 5, get(1)]),
    "done by the dead, then undone": history([0, 1, set(1)], [2, Infinity, set(2)], [3, 4, get(2)], [5, 6, get(1)]),
    "done before it began": history([0, 1, get(2)], [2, Infinity, set(2)]),
  };
  for (const [name, one] of Object.entries(illegal)) {
    const verdict = checkLinearizable(one, STORE_SPEC);
    assert(!verdict.linearizable, name);
    assertMatch(verdict.why, /after \d of \d operations the state is .*\n {2}thread/, name);
  }
});

Deno.test("a legal history of a queue is accepted, and one with a message doubled, lost or overtaken is not", () => {
  const legal: Operation<QueueOp>[][] = [
    history([0, 1, empty], [2, 3, push(1)], [4, 5, push(2)], [6, 7, take(1)], [8, 9, take(2)], [10, 11, empty]),
    history([0, 9, push(1)], [0, 9, push(2)], [10, 11, take(2)], [12, 13, take(1)]),
    history([0, 1, push(1)], [2, 3, push(2)], [4, 9, push(3, false)], [5, 6, take(1)]),
    history([0, 9, push(1)], [1, 2, empty], [3, 4, take(1)]),
  ];
  for (const one of legal) assertEquals(checkLinearizable(one, spec).why, "");
  const illegal: Record<string, Operation<QueueOp>[]> = {
    "taken twice": history([0, 1, push(1)], [2, 5, take(1)], [2, 5, take(1)]),
    "lost": history([0, 1, push(1)], [2, 3, empty]),
    "overtaken": history([0, 1, push(1)], [2, 3, push(2)], [4, 5, take(2)]),
    "refused with room": history([0, 1, push(1)], [2, 3, push(2, false)]),
    "more than its capacity": history([0, 1, push(1)], [2, 3, push(2)], [4, 5, push(3)]),
    "taken before it was there": history([0, 1, take(1)], [2, 3, push(1)]),
  };
  for (const [name, one] of Object.entries(illegal)) assert(!checkLinearizable(one, spec).linearizable, name);
});

/** Operations at moments of their own, blown up to overlap: legal by construction. */
function blownUp(actions: readonly number[], spreads: readonly number[]): Operation<StoreOp>[] {
  let value: number | null = null;
  return actions.map((action, index) => {
    const op = action === 0 ? get(value) : action === 1 ? set(index + 1) : remove(value !== null);
    value = action === 0 ? value : action === 1 ? index + 1 : null;
    const spread = spreads[index % spreads.length];
    return { thread: index, call: 10 * index - spread, ret: 10 * index + spread, op };
  });
}

Deno.test("whatever happened one after another is accepted however far it is blown up, and a changed result is not when it is not", () => {
  fc.assert(fc.property(
    fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 40 }),
    fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 40 }),
    (actions, spreads) => {
      assertEquals(checkLinearizable(blownUp(actions, spreads), STORE_SPEC).why, "");
      const apart = blownUp(actions, [4]);
      const read = apart.findIndex(({ op }) => op.kind === "get");
      if (read >= 0) assert(!checkLinearizable(apart.with(read, { ...apart[read], op: get(999) }), STORE_SPEC).linearizable);
    },
  ));
});

Deno.test("the search remembers what it tried, and says when it would need more room than it has", () => {
  // Ten sets at once have 10! orders; remembered, no more than 2^10 sets of done ones times 10 last values.
  const sets = Array.from({ length: 10 }, (_unused, index): [number, number, StoreOp] => [0, 9, set(index + 1)]);
  const verdict = checkLinearizable(history(...sets, [10, 11, get(99)]), STORE_SPEC);
  assert(!verdict.linearizable && verdict.configurations <= 10_240, `${verdict.configurations} configurations`);
  assertThrows(() => checkLinearizable(history(...sets, [10, 11, get(99)]), STORE_SPEC, 100), Error, "undecided after 100");
});

Deno.test("overlaps are counted within a part", () => {
  const apart = history<StoreOp>([0, 5, set(1, 0)], [1, 6, set(2, 1)], [7, 8, get(1, 0)]);
  assertEquals([checkLinearizable(apart, STORE_SPEC).overlaps, checkLinearizable(apart, STORE_SPEC).parts], [0, 2]);
  assertEquals(checkLinearizable(history<StoreOp>([0, 5, set(1)], [1, 6, set(2)]), STORE_SPEC).overlaps, 1);
});
