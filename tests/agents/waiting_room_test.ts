import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { NO_ROOM, SENT, WaitingRoom } from "../../core/agents/waiting_room.ts";
import { Deadlines } from "../../core/base/deadlines.ts";
import { emptyEnvelope } from "../../core/bus/envelope.ts";
import { FakeClock } from "../../core/testing.ts";

/** A waiting room before lanes of so much room each; a receiver stands behind one lane at a time, or behind none while it moves. */
function open(room: number[], laneOf: (receiver: number) => number | undefined) {
  const clock = new FakeClock();
  const taken: { receiver: number; payload: unknown }[] = [];
  const counted = { attempts: 0 };
  const waiting = new WaitingRoom(new Deadlines(clock), ({ queue, payload }) => {
    counted.attempts++;
    const lane = laneOf(queue);
    if (lane === undefined) return NO_ROOM;
    if (room[lane] === 0) return lane;
    room[lane]--;
    taken.push({ receiver: queue, payload });
    return SENT;
  });
  const enter = (receiver: number, payload: unknown, timeoutMs = 1_000): Promise<void> =>
    waiting.enter({ ...emptyEnvelope(), from: receiver, to: receiver }, payload, {
      ...{ queue: receiver, timeoutMs },
      timeoutError: () => new Error(`${receiver}: no room`),
    });
  return { waiting, enter, taken, counted, clock };
}

Deno.test("one refusal is enough for a lane and a round, however many receivers are behind it; the other lanes get what they have room for", async () => {
  const room = [0, 2];
  const { waiting, enter, taken, counted } = open(room, (receiver) => receiver % 2);
  const sends = Array.from({ length: 1_000 }, (_, receiver) => enter(receiver, receiver));
  waiting.retry(); // learns who is behind which lane
  assertEquals(taken.map(({ receiver }) => receiver), [1, 3]);
  counted.attempts = 0;
  assertEquals(waiting.retry(), 0);
  assertEquals(counted.attempts, 2);
  room.fill(1_000);
  assertEquals(waiting.retry(), 998);
  assertEquals(waiting.size, 0);
  await Promise.all(sends);
});

Deno.test("a receiver that has moved behind another lane is tried there although its old lane stays full", () => {
  const [room, lanes] = [[0, 0], [0, 0, 0]];
  const { waiting, enter, taken } = open(room, (receiver) => lanes[receiver]);
  for (const receiver of lanes.keys()) enter(receiver, "kept");
  waiting.retry();
  lanes.fill(1);
  room[1] = 3;
  waiting.retry();
  assertEquals(taken.map(({ receiver }) => receiver), [0, 1, 2]);
});

Deno.test("a send that is given up makes way for the next one, which may take another lane", async () => {
  const room = [0, 1];
  const { waiting, enter, taken, clock } = open(room, (receiver) => receiver === 2 ? 0 : 1);
  const first = enter(2, "first", 10);
  waiting.retry();
  clock.advance(10);
  await assertRejects(() => first, Error, "2: no room");
  enter(1, "other");
  assertEquals([waiting.retry(), taken.length, waiting.size], [1, 1, 0]);
});

Deno.test("any sends, rooms and moves: each receiver gets all of its sends in order, and none is left where there is room", () => {
  const RECEIVERS = 6;
  const step = fc.oneof(
    fc.record({ do: fc.constant("send" as const), receiver: fc.nat(RECEIVERS - 1) }),
    fc.record({ do: fc.constant("room" as const), lane: fc.nat(2), frames: fc.nat(3) }),
    fc.record({ do: fc.constant("move" as const), receiver: fc.nat(RECEIVERS - 1), lane: fc.option(fc.nat(2), { nil: undefined }) }),
    fc.constant({ do: "retry" as const }),
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
    const room = [0, 0, 0];
    const lanes: (number | undefined)[] = Array.from({ length: RECEIVERS }, (_, receiver) => receiver % 3);
    const { waiting, enter, taken, counted } = open(room, (receiver) => lanes[receiver]);
    const sent = lanes.map(() => 0);
    for (const each of steps) {
      if (each.do === "send") void enter(each.receiver, sent[each.receiver]++);
      else if (each.do === "room") room[each.lane] += each.frames;
      else if (each.do === "move") lanes[each.receiver] = each.lane;
      else {
        counted.attempts = 0;
        const went = waiting.retry();
        assert(counted.attempts <= went + RECEIVERS);
      }
    }
    lanes.forEach((lane, receiver) => lanes[receiver] = lane ?? 0);
    room.fill(1_000);
    waiting.retry();
    assertEquals(waiting.size, 0);
    for (const receiver of lanes.keys()) {
      const got = taken.filter((one) => one.receiver === receiver).map((one) => one.payload);
      assertEquals(got, Array.from({ length: sent[receiver] }, (_, index) => index));
    }
  }));
});
