/**
 * One thread of a torture run: real atomics, real sleep, as fast as it goes. Reports how often it slept, or what it found wrong.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { Random } from "../../core/base/random.ts";
import { exchange, load, store } from "../../core/memory/atomics.ts";
import { Doorbell } from "../../core/memory/doorbell.ts";
import { FRAME_BYTES_MAX, ringAt } from "../../core/memory/layout.ts";
import { FRAME_HEAD_BYTES, RingBuffer } from "../../core/memory/ring_buffer.ts";
import { attachMemory, type SharedMemory } from "../../core/memory/shared_memory.ts";
import { SlotPool } from "../../core/memory/slot_pool.ts";
import { BALL, POOL, type ThreadOrder } from "./torture_order.ts";

/** Longer than the watchdog's patience: a wait that ends by its time-out is a hang, and the watchdog says where. */
const WAIT_MS_MAX = 120_000;

const order = workerData as ThreadOrder;
const memory = attachMemory(order.memory);
let sleeps = 0;

function doing(what: number): void {
  store(order.progress, order.me * 2 + 1, what);
}

function done(rounds: number): void {
  store(order.progress, order.me * 2, rounds);
}

/** Blocks until `ready`, by the protocol that hosts use. */
function sleepUntil(bell: Doorbell, what: number, ready: () => boolean): void {
  doing(what);
  while (!ready()) {
    const epoch = bell.arm();
    if (!ready()) {
      sleeps++;
      bell.blockUntilRung(epoch, WAIT_MS_MAX);
    }
    bell.disarm();
  }
  doing(0);
}

/** Bytes of the next frame: mostly small, at times the longest. */
function nextBytes(random: Random): number {
  return Math.min(FRAME_BYTES_MAX, Math.floor(random.logUniform(FRAME_HEAD_BYTES, FRAME_BYTES_MAX + 1)));
}

/** Fills a frame's content with numbers that follow from its index, or adds up the differences from them. */
function content({ words }: SharedMemory, at: number, bytes: number, index: number, write: boolean): number {
  let value = Math.imul(index, 0x9e3779b1) | 1;
  let difference = 0;
  for (let word = (at + FRAME_HEAD_BYTES) >> 2; word < (at + (bytes & ~3)) >> 2; word++) {
    value = (Math.imul(value, 1_664_525) + 1_013_904_223) | 0;
    if (write) words[word] = value;
    else difference |= words[word] ^ value;
  }
  return difference;
}

function produce(): void {
  const ring = new RingBuffer(memory, ringAt(order.layout, 0, 1, 0));
  const [own, consumer] = [new Doorbell(memory, order.layout, 0), new Doorbell(memory, order.layout, 1)];
  const [sizes, moments] = [new Random(order.seed), new Random(order.seed + 1)];
  const publish = (): void => {
    if (ring.publish()) consumer.ring();
  };
  for (let index = 0; index < order.times; index++) {
    const bytes = nextBytes(sizes);
    let at = ring.tryClaim(bytes);
    if (at < 0) {
      publish();
      sleepUntil(own, 1, () => (at = ring.tryClaim(bytes)) >= 0);
    }
    memory.words[(at + 4) >> 2] = index;
    content(memory, at, bytes, index, true);
    ring.commit(bytes);
    if (moments.below(16) === 0) publish();
    if (index % 256 === 0) done(index);
  }
  publish();
}

function consume(): void {
  const ring = new RingBuffer(memory, ringAt(order.layout, 0, 1, 0));
  const [own, producer] = [new Doorbell(memory, order.layout, 1), new Doorbell(memory, order.layout, 0)];
  const [sizes, moments] = [new Random(order.seed), new Random(order.seed + 2)];
  let index = 0;
  const handler = {
    frame(at: number, bytes: number): void {
      const expected = nextBytes(sizes);
      const found = memory.words[(at + 4) >> 2];
      if (found !== index) throw new Error(`frame ${index} was expected and ${found} came`);
      if (bytes !== ((expected + 7) & ~7)) throw new Error(`frame ${index} has ${bytes} bytes instead of ${expected}, rounded up to 8`);
      if (content(memory, at, expected, index, false) !== 0) throw new Error(`frame ${index} of ${expected} bytes is not what was written`);
      index++;
    },
  };
  while (index < order.times) {
    sleepUntil(own, 2, () => ring.readable());
    ring.drain(1 + moments.below(256), handler);
    producer.ring();
    done(index);
  }
  if (ring.readable()) throw new Error("more frames came than were sent");
}

/** Claims up to two slots at a time; signs each, and finds its own signature when it gives it back. */
function claim(): void {
  const { slots, first, stride, cursor } = POOL;
  const { words } = memory;
  const pool = new SlotPool({ words, first, stride, count: slots, cursor, isFree: (word) => (word & 1) === 0 });
  const random = new Random(order.seed + order.me);
  const held: { slot: number; word: number }[] = [];
  const giveBack = ({ slot, word }: { slot: number; word: number }): void => {
    const signed = exchange(words, first + slot * stride + 1, 0);
    if (signed !== order.me + 1) throw new Error(`slot ${slot} is held by thread ${order.me} and was signed by ${signed - 1}`);
    if (!pool.release(slot, word, word + 1)) throw new Error(`slot ${slot} changed while thread ${order.me} held it`);
  };
  for (let claims = 0; claims < order.times;) {
    let word = 0;
    const slot = held.length < 2 ? pool.tryClaim((free) => word = free + 1) : -1;
    if (slot >= 0) {
      const owner = exchange(words, first + slot * stride + 1, order.me + 1);
      if (owner !== 0) throw new Error(`slot ${slot} was given to thread ${order.me} while thread ${owner - 1} held it`);
      held.push({ slot, word });
      if (++claims % 256 === 0) done(claims);
    }
    if (held.length === 2 || (held.length === 1 && random.below(2) === 0)) giveBack(held.shift()!);
  }
  held.forEach(giveBack);
}

async function ping(): Promise<void> {
  const [own, other] = [new Doorbell(memory, order.layout, order.me), new Doorbell(memory, order.layout, 1 - order.me)];
  // A ring does not hold the event loop open.
  const open = setInterval(() => {}, WAIT_MS_MAX);
  for (let round = 0; round < order.times; round++) {
    store(order.progress, BALL, 2 * round + 1);
    other.ring();
    doing(3);
    while (load(order.progress, BALL) !== 2 * round + 2) {
      const epoch = own.arm();
      const rung = load(order.progress, BALL) === 2 * round + 2 ? null : own.whenRung(epoch);
      if (rung !== null) {
        sleeps++;
        await rung;
      }
      own.disarm();
    }
    doing(0);
    done(round);
  }
  clearInterval(open);
}

function pong(): void {
  const [own, other] = [new Doorbell(memory, order.layout, order.me), new Doorbell(memory, order.layout, 1 - order.me)];
  for (let round = 0; round < order.times; round++) {
    sleepUntil(own, 4, () => load(order.progress, BALL) === 2 * round + 1);
    store(order.progress, BALL, 2 * round + 2);
    other.ring();
    done(round);
  }
}

await { produce, consume, claim, ping, pong }[order.role]();
parentPort?.postMessage(sleeps);
