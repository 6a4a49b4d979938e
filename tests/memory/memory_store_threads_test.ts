import { testWith } from "../support/permissions.ts";
import { assertAccounted, BLOCK_BYTES_MAX, finish, seeded, start } from "../support/store_threads.ts";
import { tortureDeaths, tortureEviction, tortureKeys, torturePolling, tortureWatch } from "./memory_store_torture.ts";

const SEED = 20_240_607;

testWith({ read: true }, "three threads write the same few keys: nothing torn, nothing stale, no increment lost", async () => {
  await tortureKeys(100_000, SEED);
});

testWith({ read: true }, "a store that evicts all the time shows whole values and accounts for every byte", async () => {
  await tortureEviction(60_000, SEED);
});

testWith({ read: true }, "threads are terminated while they write and the others go on", async () => {
  const arena = seeded(1 << 20, 12);
  const steady = [1, 2].map((host) => start(arena, host, { operations: 100_000, seed: SEED }));
  for (let host = 3; host < 11; host++) {
    const victim = start(arena, host, { operations: Infinity, yields: true, seed: SEED });
    await victim.running;
    await victim.end();
    arena.setState(host, 4);
  }
  await Promise.all(steady.map(finish));
  assertAccounted(arena, 8 * BLOCK_BYTES_MAX);
});

testWith({ read: true }, "threads die at random steps in the middle of a change and the others go on", async () => {
  await tortureDeaths(100_000, 10, SEED);
});

testWith({ read: true }, "a watch that follows two writing threads tells what the store holds", async () => {
  await tortureWatch(30_000, SEED);
});

testWith({ read: true }, "and when one of them dies in the middle of a change", async () => {
  await tortureWatch(30_000, SEED, 3_000);
});

testWith({ read: true }, "a thread that polls sees what another sets", async () => {
  await torturePolling(20_000, SEED);
});
