import { assert, assertEquals, assertNotEquals, assertStrictEquals } from "@std/assert";
import { Doorbell } from "../../core/memory/doorbell.ts";
import { HOST, hostField, planLayout } from "../../core/memory/layout.ts";
import { allocateMemory, type SharedMemory } from "../../core/memory/shared_memory.ts";

const LAYOUT = planLayout({ hosts: 2, agentSlots: 64, sharedBufferBytes: 1 << 25, storeBytes: 0 });
const FOR_EVER_MS = 60_000;

/** A ring arrives from outside of the event loop and does not hold it open: something else must, here as in a host. */
async function rings(...promises: (Promise<unknown> | null)[]): Promise<void> {
  const open = setInterval(() => {}, FOR_EVER_MS);
  try {
    await Promise.all(promises);
  } finally {
    clearInterval(open);
  }
}

function makeBell(host = 1): { memory: SharedMemory; owner: Doorbell; waker: Doorbell } {
  const memory = allocateMemory(LAYOUT.totalBytes);
  return { memory, owner: new Doorbell(memory, LAYOUT, host), waker: new Doorbell(memory, LAYOUT, host) };
}

Deno.test("a ring that finds nobody asleep changes nothing", () => {
  const { owner, waker } = makeBell();
  const epoch = owner.arm();
  owner.disarm();
  waker.ring();
  assertEquals(owner.arm(), epoch);
});

Deno.test("a ring after arming is not lost: the wait does not begin", () => {
  const { owner, waker } = makeBell();
  const epoch = owner.arm();
  waker.ring();
  assertStrictEquals(owner.whenRung(epoch), null);
  owner.blockUntilRung(epoch, FOR_EVER_MS);
});

Deno.test("only the first of several wakers pays for the wake-up", () => {
  const { owner, waker } = makeBell();
  const epoch = owner.arm();
  waker.ring();
  const after = owner.arm();
  owner.disarm();
  waker.ring();
  waker.ring();
  assertNotEquals(after, epoch);
  assertEquals(owner.arm(), after);
});

Deno.test("whenRung resolves at the next ring", async () => {
  const { owner, waker } = makeBell();
  const rung = owner.whenRung(owner.arm());
  assert(rung !== null);
  waker.ring();
  await rings(rung);
});

Deno.test("a promise given up on does not swallow the ring of the next sleep", async () => {
  const { owner, waker } = makeBell();
  const first = owner.whenRung(owner.arm());
  owner.disarm();
  const second = owner.whenRung(owner.arm());
  waker.ring();
  await rings(first, second);
});

Deno.test("ringAlways wakes a host whose flag a dead waker has cleared", async () => {
  const { memory, owner, waker } = makeBell();
  const rung = owner.whenRung(owner.arm());
  memory.words[hostField(LAYOUT, 1, HOST.sleeping) >> 2] = 0;
  waker.ring();
  waker.ringAlways();
  assert(rung !== null);
  await rings(rung);
});

Deno.test("blockUntilRung gives up after its time", () => {
  const { owner } = makeBell();
  owner.blockUntilRung(owner.arm(), 1);
});

Deno.test("the epoch goes on across 2³²", async () => {
  const { memory, owner, waker } = makeBell();
  memory.words[hostField(LAYOUT, 1, HOST.bell) >> 2] = -1;
  for (const expected of [-1, 0, 1]) {
    const epoch = owner.arm();
    assertEquals(epoch, expected);
    const rung = owner.whenRung(epoch);
    waker.ring();
    await rings(rung);
  }
});

Deno.test("each host has its own bell", () => {
  const { memory, owner } = makeBell(0);
  const epoch = owner.arm();
  new Doorbell(memory, LAYOUT, 1).ringAlways();
  assertEquals(owner.arm(), epoch);
});
