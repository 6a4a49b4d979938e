/** Agents started and ended, whatever they have started themselves: nothing of them runs on. `deno task processes` does it a thousand times. */
import { assertEquals } from "@std/assert";
import { entropy } from "../../core/base/random.ts";
import { testWith } from "../support/permissions.ts";
import { living, PROCESS_NEEDS, withSwarm } from "../support/swarm.ts";

const CYCLES = Deno.args.includes("--long") ? 1_000 : 24;
/** A child in the group, one that ignores SIGTERM, one in a session of its own, and one that has left its parents. */
const AGENT =
  "sleep 300 & (trap '' TERM; sleep 300) & setsid sleep 300 & (setsid sleep 300 </dev/null >/dev/null 2>&1 &) ; trap '' TERM; sleep 300; sleep 300";

testWith(PROCESS_NEEDS, `${CYCLES} agents with five processes each, stopped: none of these is left`, async () => {
  const word = `orphan${entropy()}`;
  await withSwarm(async (swarm) => {
    for (let i = 0; i < CYCLES; i++) await swarm.request(`${word}-${i}`);
    const settings = { maxConcurrentAgents: 8, initialTimeoutMs: 60, maxTimeoutMs: 60, killGraceMs: 30 };
    await swarm.serve(AGENT, { settings });
    assertEquals(await living(word), []);
    const reasons = swarm.events.flatMap((event) => event.event === "finished" ? [event.failureReason] : []);
    assertEquals(reasons, Array(CYCLES).fill("PROGRESSIVE_TIMEOUT"));
  });
});
