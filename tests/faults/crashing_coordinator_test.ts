/**
 * Coordinators killed at any moment (SIGKILL) and started again: no request is lost, each has one result, no agent runs twice, none is left behind.
 * `deno task processes` does it a hundred times.
 */
import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { entropy, Random } from "../../core/base/random.ts";
import { testWith } from "../support/permissions.ts";
import { living, PROCESS_NEEDS, withSwarm } from "../support/swarm.ts";
import { untilThere } from "../support/until.ts";

const CYCLES = Deno.args.includes("--long") ? 100 : 6;
const REQUESTS_PER_CYCLE = 4;
/** So long that some have all results, and some have ended. */
const CRASH_MS_MAX = 1_200;
const SCRIPT = decodeURIComponent(new URL("../../scripts/coordinate.ts", import.meta.url).pathname);
/** Notes that it runs, leaves processes in its group and outside of it, and takes a while. */
const AGENT =
  'echo $SWARM_REQUEST_ID >> $SWARM_DIR/ran; sleep 300 & setsid sleep 300 & sleep 0.0$(( $$ % 10 )); echo "$SWARM_REQUEST_ID done"';

function coordinate(folder: string, agent = AGENT, concurrent = 3): Deno.ChildProcess {
  const args = [
    "run",
    "--quiet",
    "--no-prompt",
    "--no-check",
    "--allow-read",
    "--allow-write",
    "--allow-run",
    "--allow-env",
    SCRIPT,
    folder,
  ];
  const command = [...args, "--once", "--json", "--max", String(concurrent), "--model-option", "", "--", "sh", "-c", agent];
  return new Deno.Command(Deno.execPath(), { args: command, stdin: "null", stdout: "piped", stderr: "piped" }).spawn();
}

function killIfAlive(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // it has ended
  }
}

testWith(
  { ...PROCESS_NEEDS, env: true },
  "three requests, killed at the second, started again: three results, and of the second nothing runs on",
  async () => {
    const word = `middle${entropy()}`;
    const [first, second, third] = [1, 2, 3].map((n) => `${word}-${n}`);
    /** The second one hangs, with a process in its group and one outside of it. */
    const agent = `echo $SWARM_REQUEST_ID >> $SWARM_DIR/ran
    case $SWARM_REQUEST_ID in *-2) sleep 300 & setsid sleep 300 & touch $SWARM_DIR/middle; sleep 300;; esac; echo done`;
    await withSwarm(async (swarm) => {
      for (const id of [first, second, third]) await swarm.request(id);
      const killed = coordinate(swarm.root, agent, 1);
      await untilThere(`${swarm.root}/middle`);
      killed.kill("SIGKILL");
      await killed.output();
      assert((await living(word)).length >= 3, "what the agent has started outlives the coordinator");
      const { code, stdout, stderr } = await coordinate(swarm.root, agent, 1).output();
      assertEquals([code, new TextDecoder().decode(stderr)], [1, ""]); // one failed
      const { event, unknown, reaped } = JSON.parse(new TextDecoder().decode(stdout).split("\n")[0]);
      assertEquals([event, unknown], ["recovered", [second]]);
      assert(reaped >= 3, `${reaped}`);
      assertEquals(await living(word), []);
      assertEquals(await swarm.names("results"), [first, second, third].map((id) => `${id}.json`));
      assertEquals([await swarm.names("requests"), await swarm.names("processing")], [[], []]);
      const fates = await Promise.all(
        [first, second, third].map(async (id) => (await swarm.result(id)).fate ?? (await swarm.result(id)).status),
      );
      assertEquals(fates, ["completed", "unknown", "completed"]);
      assertEquals((await Deno.readTextFile(`${swarm.root}/ran`)).trim().split("\n"), [first, second, third]);
    });
  },
);

testWith(
  { ...PROCESS_NEEDS, env: true },
  "killed when the result stands: what the agent has left outside of its group is ended all the same",
  async () => {
    await withSwarm(async (swarm) => {
      let [word, left] = ["", 0];
      for (let n = 0; n < 5 && left === 0; n++) { // on a machine that stood still meanwhile, the coordinator has looked before it is killed
        word = `left${entropy()}`;
        await swarm.request(word);
        const killed = coordinate(swarm.root, "setsid sleep 300 > /dev/null 2>&1 & echo done");
        await untilThere(`${swarm.root}/results/${word}.json`);
        killed.kill("SIGKILL");
        await killed.output();
        left = (await living(word)).length;
      }
      assertEquals(left, 1);
      const { code, stdout } = await coordinate(swarm.root).output();
      assertEquals(code, 0);
      const { event, unknown, reaped } = JSON.parse(new TextDecoder().decode(stdout).split("\n")[0]);
      assertEquals([event, unknown, reaped], ["recovered", [], 1]);
      assertEquals(await living(word), []);
      assertEquals((await swarm.result(word)).status, "completed");
      assertEquals(await swarm.names("coordinators"), ["recovery.lock"]);
    });
  },
);

testWith({ ...PROCESS_NEEDS, env: true }, `${CYCLES} crashes: nothing lost, one result each, nothing runs twice or on`, async () => {
  const seed = entropy();
  const random = new Random(seed);
  const word = `crash${seed}`;
  await withSwarm(async (swarm) => {
    let crashes = 0;
    for (let cycle = 0; cycle < CYCLES; cycle++) {
      for (let i = 0; i < REQUESTS_PER_CYCLE; i++) await swarm.request(`${word}-${cycle}-${i}`);
      const coordinator = coordinate(swarm.root);
      await delay(random.below(CRASH_MS_MAX));
      killIfAlive(coordinator);
      const { signal } = await coordinator.output();
      if (signal === "SIGKILL") crashes++;
    }
    const { code, stderr } = await coordinate(swarm.root).output();
    assert(code <= 1, new TextDecoder().decode(stderr));
    const ids = Array.from(
      { length: CYCLES * REQUESTS_PER_CYCLE },
      (_, i) => `${word}-${Math.floor(i / REQUESTS_PER_CYCLE)}-${i % REQUESTS_PER_CYCLE}`,
    );
    const story = `seed ${seed}, ${crashes} crashes`;
    assertEquals(await swarm.names("results"), ids.map((id) => `${id}.json`).sort(), story);
    assertEquals([await swarm.names("requests"), await swarm.names("processing"), await swarm.names("rejected")], [[], [], []], story);
    assertEquals(await swarm.names("coordinators"), ["recovery.lock"], story);
    const ran = (await Deno.readTextFile(`${swarm.root}/ran`)).trim().split("\n");
    assertEquals(ran.length, new Set(ran).size, `${story}: an agent ran twice`);
    for (const id of ids) {
      const { status, output, fate } = await swarm.result(id);
      if (fate === undefined) assertEquals([status, output], ["completed", `${id} done\n`], story);
      else assertEquals([status, fate], ["failed", "unknown"], story);
      if (fate === undefined) assert(ran.includes(id), story);
    }
    assertEquals(await living(word), [], story);
  });
});
