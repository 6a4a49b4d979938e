/**
 * One time for all threads. A thread's `performance.now()` has its own zero, and `timeOrigin` is wall time that may be set between two starts; so
 * a starting thread pings the main thread through shared memory and takes the offset of the quickest round trip (Cristian's algorithm, 1989). The
 * error is at most half of that round trip: a few microseconds.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { KernelError } from "../base/errors.ts";
import { load, notify, store, wait } from "../memory/atomics.ts";
import { HOST, hostField, type Layout } from "../memory/layout.ts";
import type { SharedMemory } from "../memory/shared_memory.ts";

const ROUNDS = 64;
/** Main answers a host no longer than this at a time, since it blocks while it does; and no longer than `QUIET_MS` after its last ping. */
const ANSWER_MS_MAX = 30;
const QUIET_MS = 1;
/** The host waits so long for an answer before it lets its event loop turn and tries again. */
const WAIT_MS_MAX = 5;

/** A round trip so short bounds the error at 25 µs. */
const TRIP_MS_GOOD = 0.05;
/** So many attempts are made for one; then the best there was must do. */
const ATTEMPTS_PATIENT = 50;
/** 1 ms and more apart: main has several seconds to answer at all. */
const ATTEMPTS_MAX = 2_000;

/** What one measurement found. */
export interface ClockOffset {
  /** To add to local time. */
  readonly offsetMs: number;
  /** Quickest round trip; twice the largest error. */
  readonly tripMs: number;
}

/** Main thread: answers the pings of `host`, if it pings. To be called every few ms while hosts are starting. */
export function answerPings(memory: SharedMemory, layout: Layout, host: number, clock: Clock): void {
  const { words, floats } = memory;
  const { ping, pong, time } = fields(layout, host);
  const until = clock.now() + ANSWER_MS_MAX;
  while (clock.now() < until) {
    const asked = load(words, ping);
    const answered = load(words, pong);
    if (asked !== answered) {
      floats[time] = clock.now();
      store(words, pong, asked);
      notify(words, pong, 1);
    }
    // Both sides sleep while they wait: on a busy machine two threads that spin for each other get their turns one after the other, 8 ms apart.
    if (asked === 0 || wait(words, ping, asked, QUIET_MS) === "timed-out") return;
  }
}

/** Worker: ms to add to `local` time to get arena time, with the round trip that it came from; null when main did not answer in time. */
export function measureOffset(memory: SharedMemory, layout: Layout, host: number, local: Clock): ClockOffset | null {
  const { words, floats } = memory;
  const { ping, pong, time } = fields(layout, host);
  let best: ClockOffset | null = null;
  for (let round = 0; round < ROUNDS; round++) {
    const number = load(words, ping) + 1;
    const before = load(words, pong);
    const sentAt = local.now();
    store(words, ping, number);
    notify(words, ping, 1);
    wait(words, pong, before, WAIT_MS_MAX);
    const backAt = local.now();
    if (load(words, pong) !== number) return best;
    const tripMs = backAt - sentAt;
    if (best === null || tripMs < best.tripMs) best = { tripMs, offsetMs: floats[time] - (sentAt + backAt) / 2 };
  }
  return best;
}

/** Worker: the same again and again, with turns of the event loop between, until a round trip was short enough to trust. */
export async function syncClock(memory: SharedMemory, layout: Layout, host: number, local: Clock): Promise<number> {
  let best: ClockOffset | null = null;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const measured = measureOffset(memory, layout, host, local);
    if (measured !== null && (best === null || measured.tripMs < best.tripMs)) best = measured;
    if (best !== null && (best.tripMs <= TRIP_MS_GOOD || attempt >= ATTEMPTS_PATIENT)) return best.offsetMs;
    await new Promise<void>((resolve) => local.schedule(1, resolve));
  }
  throw new KernelError(
    "CLOCK_SYNC",
    `thread ${host} got no answer to its clock pings; do not block the main thread during initialize().`,
    { host },
  );
}

function fields(layout: Layout, host: number): { ping: number; pong: number; time: number } {
  return {
    ping: hostField(layout, host, HOST.ping) >> 2,
    pong: hostField(layout, host, HOST.pong) >> 2,
    time: hostField(layout, host, HOST.pongTime) >> 3,
  };
}
