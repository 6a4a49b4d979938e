/**
 * Models of core/memory/doorbell.ts. What a host waits for is one word here, set by its waker; the last model has real lanes. A sleeper whom
 * nobody wakes ends in DEADLOCK, because time-outs never fire in a model.
 *
 * @module
 */
import { add, load, store } from "../../core/memory/atomics.ts";
import { Doorbell } from "../../core/memory/doorbell.ts";
import { HOST, hostField, type Layout, planLayout } from "../../core/memory/layout.ts";
import { RingBuffer } from "../../core/memory/ring_buffer.ts";
import type { SharedMemory } from "../../core/memory/shared_memory.ts";
import type { Model, Outcome } from "./model.ts";
import { readFrame, resetLane, TINY_LANE, writeFrame } from "./ring_models.ts";
import { untilKilled } from "./turnstile_atomics.ts";

/** Control words of a few hosts at the start of a model's arena; the rest of the plan is not used. */
const LAYOUT: Layout = {
  ...planLayout({ hosts: 4, agentSlots: 64, sharedBufferBytes: 1 << 25, storeBytes: 0 }),
  queues: { offset: 1024, bytes: 8192 },
};
const DATA = 16;
const FOR_EVER_MS = 60_000;

/** Sleeps until the data word is at least `until`; returns how often it looked, slept or not. */
function sleepUntil(bell: Doorbell, memory: SharedMemory, until: number): number[] {
  for (let looks = 1;; looks++) {
    if (load(memory.words, DATA) >= until) return [looks];
    const epoch = bell.arm();
    if (load(memory.words, DATA) < until) bell.blockUntilRung(epoch, FOR_EVER_MS);
    bell.disarm();
  }
}

const SLEEPS_ON: Outcome = { is: /DEADLOCK/, verdict: "FORBIDDEN", why: "lost wake-up: the data is there and the host sleeps for ever" };
const AWAKE: Outcome = { is: /awake/, verdict: "ACCEPTABLE", why: "the host saw the data" };

const oneWaker: Model = {
  name: "doorbell: one waker",
  threads: ["waker", "sleeper"],
  orders: "every",
  prepare(me, memory) {
    const bell = new Doorbell(memory, LAYOUT, 0);
    if (me === 1) return () => sleepUntil(bell, memory, 1);
    return () => {
      store(memory.words, DATA, 1);
      bell.ring();
      return [];
    };
  },
  outcome: () => "awake",
  table: [AWAKE, SLEEPS_ON],
};

const twoWakers: Model = {
  ...oneWaker,
  name: "doorbell: two wakers at once",
  threads: ["waker a", "waker b", "sleeper"],
  orders: 10_000,
  prepare(me, memory) {
    const bell = new Doorbell(memory, LAYOUT, 0);
    if (me === 2) return () => sleepUntil(bell, memory, 2);
    return () => {
      add(memory.words, DATA, 1);
      bell.ring();
      return [];
    };
  },
};

const noSecondLook: Model = {
  ...oneWaker,
  name: "doorbell: a sleeper that does not look again after arming",
  mutant: true,
  prepare(me, memory) {
    if (me === 0) return oneWaker.prepare(0, memory);
    const bell = new Doorbell(memory, LAYOUT, 0);
    return () => {
      while (load(memory.words, DATA) === 0) bell.blockUntilRung(bell.arm(), FOR_EVER_MS);
      return [];
    };
  },
};

const lateEpoch: Model = {
  ...oneWaker,
  name: "doorbell: a sleeper that reads the epoch after its second look",
  mutant: true,
  prepare(me, memory) {
    if (me === 0) return oneWaker.prepare(0, memory);
    const bell = new Doorbell(memory, LAYOUT, 0);
    return () => {
      while (load(memory.words, DATA) === 0) {
        bell.arm();
        if (load(memory.words, DATA) === 0) bell.blockUntilRung(load(memory.words, hostField(LAYOUT, 0, HOST.bell) >> 2), FOR_EVER_MS);
      }
      return [];
    };
  },
};

const earlyRing: Model = {
  ...oneWaker,
  name: "doorbell: a waker that rings before it publishes",
  mutant: true,
  prepare(me, memory) {
    if (me === 1) return oneWaker.prepare(1, memory);
    const bell = new Doorbell(memory, LAYOUT, 0);
    return () => {
      bell.ring();
      store(memory.words, DATA, 1);
      return [];
    };
  },
};

/** The waker is killed after any number of its steps; whoever finds it dead publishes the news and wakes the host by `rescue`. */
function killedWaker(name: string, mutant: boolean, rescue: (bell: Doorbell) => void): Model {
  return {
    ...oneWaker,
    ...{ name, mutant, killThreadZeroAfter: [1, 2, 3, 4, 5, 6] },
    prepare(me, memory) {
      if (me === 1) return oneWaker.prepare(1, memory);
      const bell = new Doorbell(memory, LAYOUT, 0);
      return () => {
        untilKilled(() => {
          // Somebody else's older news: its ring is the one that is cut short; the host waits for the value 1 of the rescuer.
          store(memory.words, DATA + 1, 1);
          bell.ring();
        }, () => {
          store(memory.words, DATA, 1);
          rescue(bell);
        });
        return [];
      };
    },
  };
}

const rescued = killedWaker("doorbell: a waker killed at any step, rescue by ringAlways", false, (bell) => bell.ringAlways());
const notRescued = killedWaker("doorbell: a waker killed at any step, rescue by ring", true, (bell) => bell.ring());

const LANES = [TINY_LANE, { head: 16_512, tail: 16_576, data: 49_152, bytes: 32 }];
const FRAMES = 4;

/** Sends its frames over its lane, sleeping on its own bell while the lane is full. */
function sendAll(memory: SharedMemory, lane: number): number[] {
  const ring = new RingBuffer(memory, LANES[lane]);
  const [own, consumers] = [new Doorbell(memory, LAYOUT, 1 + lane), new Doorbell(memory, LAYOUT, 0)];
  for (let number = 1; number <= FRAMES; number++) {
    let at = ring.tryClaim(16);
    while (at < 0) {
      const epoch = own.arm();
      at = ring.tryClaim(16);
      if (at < 0) own.blockUntilRung(epoch, FOR_EVER_MS);
      own.disarm();
    }
    writeFrame(memory, at, number);
    ring.commit(16);
    if (ring.publish()) consumers.ring();
  }
  return [];
}

/** Drains both lanes until all has come, ringing the producers after each batch; reports lane × 10 + number. */
function receiveAll(memory: SharedMemory): number[] {
  const rings = LANES.map((lane) => new RingBuffer(memory, lane));
  const own = new Doorbell(memory, LAYOUT, 0);
  const producers = LANES.map((_lane, index) => new Doorbell(memory, LAYOUT, 1 + index));
  const seen: number[] = [];
  const drainBoth = (): boolean => {
    const before = seen.length;
    rings.forEach((ring, lane) => {
      if (ring.drain(8, { frame: (at) => void seen.push(lane * 10 + readFrame(memory, at)) }) > 0) producers[lane].ring();
    });
    return seen.length > before;
  };
  while (seen.length < 2 * FRAMES) {
    if (drainBoth()) continue;
    const epoch = own.arm();
    if (!rings.some((ring) => ring.readable())) own.blockUntilRung(epoch, FOR_EVER_MS);
    own.disarm();
  }
  return seen;
}

const together: Model = {
  name: "lanes and bells: two producers that wait for room, one consumer that sleeps",
  threads: ["producer 0", "producer 1", "consumer"],
  orders: 5_000,
  reset: (words) => LANES.forEach((lane) => resetLane(words, lane)),
  prepare: (me, memory) => me < 2 ? () => sendAll(memory, me) : () => receiveAll(memory),
  outcome: ([, , seen]) => [0, 1].map((lane) => seen.filter((number) => Math.floor(number / 10) === lane).join(" ")).join(", "),
  table: [
    { is: /1 2 3 4, 11 12 13 14/, verdict: "ACCEPTABLE", why: "every frame, in the order of its lane" },
    { is: /DEADLOCK/, verdict: "FORBIDDEN", why: "lost wake-up: somebody sleeps although there are frames, or room" },
    { is: /.*/, verdict: "FORBIDDEN", why: "a frame was torn (-1), lost or out of order" },
  ],
};

/** In the order in which they are explored. */
export const DOORBELL_MODELS: readonly Model[] = [
  ...[oneWaker, twoWakers, noSecondLook, lateEpoch, earlyRing, rescued, notRescued, together],
];
