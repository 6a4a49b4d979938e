import { testWith } from "../support/permissions.ts";
import { tortureDoorbell, tortureRing, tortureSlotPool } from "./torture.ts";

const SEED = 20_251;

testWith({ read: true }, "a million frames of 8 B to 16 KiB pass between two threads in order and whole", async () => {
  await tortureRing(1_000_000, SEED);
});

testWith({ read: true }, "three threads fight for two slots: no slot has two owners and all come back", async () => {
  await tortureSlotPool(200_000, SEED);
});

testWith({ read: true }, "two threads wake each other two hundred thousand times and never sleep on", async () => {
  await tortureDoorbell(200_000, SEED);
});
