/** A coordinator that is an agent of another one: when it is killed, its own agents (in sessions of their own) go with it. */
import { assertEquals } from "@std/assert";
import { entropy } from "../../core/base/random.ts";
import { testWith } from "../support/permissions.ts";
import { living, PROCESS_NEEDS, withSwarm } from "../support/swarm.ts";
import { untilThere } from "../support/until.ts";

const SCRIPT = decodeURIComponent(new URL("../../scripts/coordinate.ts", import.meta.url).pathname);

testWith({ ...PROCESS_NEEDS, env: true }, "a coordinator within an agent, killed: nothing of its agents runs on", async () => {
  const word = `nested${entropy()}`;
  await withSwarm(async (swarm) => {
    await swarm.request(word);
    const inner = `{"requestId":"${word}-inner","agentRole":"a","task":{"objective":"o"}}`;
    const script = `trap '' TERM; mkdir -p in/requests; echo '${inner}' > in/requests/a.json
      ${Deno.execPath()} run --quiet --no-check --allow-all ${SCRIPT} in -- sh -c 'echo up > ${swarm.root}/up; sleep 300 & sleep 300'`;
    const coordinator = await swarm.open(script, { settings: { killGraceMs: 50 }, variable: (name) => Deno.env.get(name) });
    const running = coordinator.run({ once: true });
    await untilThere(`${swarm.root}/up`);
    coordinator.cancel(word);
    const { strays } = await running;
    assertEquals(await living(word), []);
    assertEquals(strays > 0, true);
  });
});
