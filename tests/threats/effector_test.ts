/** Measures in memory and by commands: taken once, lifted, bounded, and never a shell. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { CommandEffector } from "../../core/threats/command_effector.ts";
import { type Measure, MemoryEffector } from "../../core/threats/effector.ts";
import { testWith } from "../support/permissions.ts";

Deno.test("a measure in memory stands until it is lifted, and taking it twice changes nothing", async () => {
  const effector = new MemoryEffector();
  const first = await effector.take("block_source", "203.0.113.7", { why: 1 });
  assertEquals(await effector.take("block_source", "203.0.113.7", { why: 2 }), { ...first, stood: true });
  assertEquals([effector.stands("block_source", "203.0.113.7"), effector.standing().length], [true, 1]);
  await effector.lift("block_source", "203.0.113.7");
  await effector.lift("block_source", "203.0.113.7");
  assertEquals([effector.stands("block_source", "203.0.113.7"), effector.standing()], [false, []]);
  assertThrows(() => effector.stands("explode" as Measure, "x"), Error, "measure");
});

Deno.test("a command effector only says what it would run, unless it is told to run it", async () => {
  const effector = new CommandEffector({
    commands: { block_source: { take: ["nft", "add", "{target}"], lift: ["nft", "delete", "{target}"] } },
  });
  await effector.take("block_source", "203.0.113.7");
  await effector.lift("block_source", "203.0.113.7");
  assertEquals(effector.records, [
    { command: ["nft", "add", "203.0.113.7"], status: null },
    { command: ["nft", "delete", "203.0.113.7"], status: null },
  ]);
});

Deno.test("no target becomes a second argument, an option or a command, and mistakes are named", async () => {
  const effector = new CommandEffector({ commands: { block_source: { take: ["true", "{target}"] } } });
  for (const target of ["", "-rf", "a b", "$(reboot)", "a;b", "a\nb", "../x", "x".repeat(300)]) {
    await assertRejects(() => effector.take("block_source", target), Error, "target");
  }
  await assertRejects(() => effector.take("notify", "x"), Error, "there is no command for notify");
  assertThrows(() => new CommandEffector({ commands: { notify: { take: [] } } }), Error, "commands.notify.take");
  assertThrows(() => new CommandEffector({ commands: { notify: { take: ["{target}"] } } }), Error, "commands.notify.take");
  assertThrows(() => new CommandEffector({ commands: { other: { take: ["x"] } } as never }), Error, "commands");
});

testWith({ run: true }, "commands that are run report their status, and one that is missing says so", async () => {
  const commands = {
    notify: { take: ["true", "{target}"] },
    block_source: { take: ["false"] },
    lock_account: { take: ["no-such-program"] },
  };
  const effector = new CommandEffector({ commands, execute: true });
  assertEquals(await effector.take("notify", "x"), { command: ["true", "x"], status: 0 });
  await assertRejects(() => effector.take("block_source", "x"), Error, "ended with status 1");
  await assertRejects(() => effector.take("lock_account", "x"), Error, "no-such-program could not be run");
});
