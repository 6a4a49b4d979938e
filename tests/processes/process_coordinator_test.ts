import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { type Clock, epochOffsetMs, SystemClock } from "../../core/base/clock.ts";
import { ConfigError, KernelError } from "../../core/base/errors.ts";
import { type CoordinatorOptions, ProcessCoordinator } from "../../core/processes/process_coordinator.ts";
import type { AgentResult } from "../../core/processes/agent_result.ts";
import { testWith } from "../support/permissions.ts";
import { PROCESS_NEEDS, type Swarm, withSwarm } from "../support/swarm.ts";
import { until } from "../support/until.ts";

function swarmTest(name: string, use: (swarm: Swarm) => Promise<void>): void {
  testWith(PROCESS_NEEDS, name, () => withSwarm(use));
}

function finished(swarm: Swarm): AgentResult[] {
  return swarm.events.flatMap((event) => event.event === "finished" ? [event] : []);
}

/** Most agents at work at once, as they themselves noted it. */
async function mostAtOnce(swarm: Swarm): Promise<number> {
  let [now, most] = [0, 0];
  for (const mark of (await Deno.readTextFile(`${swarm.root}/marks`)).trim().split("\n")) {
    most = Math.max(most, now += mark === "+" ? 1 : -1);
  }
  return most;
}

swarmTest(
  "the limit is reached and never exceeded, by any number, however many coordinators and whatever is awaited before",
  async (swarm) => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 2 }), fc.boolean(), async (max, coordinators, checked) => {
        await Deno.remove(swarm.root, { recursive: true });
        await Deno.mkdir(swarm.root);
        for (let i = 0; i < 9; i++) await swarm.request(`r-${i}`);
        const script = "echo + >> $SWARM_DIR/marks; sleep 0.05; echo - >> $SWARM_DIR/marks";
        const options: Partial<CoordinatorOptions> = {
          settings: { maxConcurrentAgents: max },
          ...(checked ? { healthCheck: "sleep 0.02" } : {}),
        };
        const opened = await Promise.all(Array.from({ length: coordinators }, () => swarm.open(script, options)));
        const summaries = await Promise.all(opened.map((coordinator) => coordinator.run({ once: true })));
        assertEquals(summaries.reduce((sum, { completed }) => sum + completed, 0), 9);
        assert(await mostAtOnce(swarm) <= max * coordinators);
      }),
      { numRuns: 8 },
    );
  },
);

swarmTest("coordinators that race for the same requests serve each once", async (swarm) => {
  for (let i = 0; i < 30; i++) await swarm.request(`r-${i}`);
  const opened = await Promise.all([1, 2, 3].map(() => swarm.open("echo $SWARM_REQUEST_ID >> $SWARM_DIR/ran")));
  const summaries = await Promise.all(opened.map((coordinator) => coordinator.run({ once: true })));
  assertEquals(summaries.reduce((sum, { completed, failed, rejected }) => sum + completed + failed * 100 + rejected * 100, 0), 30);
  const ran = (await Deno.readTextFile(`${swarm.root}/ran`)).trim().split("\n");
  assertEquals([ran.length, new Set(ran).size], [30, 30]);
  assertEquals((await swarm.names("results")).length, 30);
});

swarmTest("bad files are rejected with their reason, and the others are served", async (swarm) => {
  await swarm.drop("broken.json", "{");
  await swarm.drop("outside.json", { requestId: "../../x", agentRole: "a", task: { objective: "o" } });
  await swarm.request("good", { modle: "x" });
  await swarm.serve("cat > /dev/null; echo ok");
  const reasons = swarm.events.flatMap((event) => event.event === "rejected" ? [event.reason] : []).sort();
  assertEquals(reasons.map((reason) => reason.split(":")[0]), ["file", "requestId"]);
  assertEquals(await swarm.names("rejected"), ["broken.json", "broken.json.reason.json", "outside.json", "outside.json.reason.json"]);
  assertEquals((await swarm.result("good")).unknownKeys, ["modle"]);
});

swarmTest("a name that the system does not take back, or a file that cannot be read, ends nothing", async (swarm) => {
  await swarm.request("good");
  await new Deno.Command("sh", { args: ["-c", `printf '{}' > "$(printf '${swarm.root}/requests/\\377.json')"`] }).output();
  await swarm.serve("echo ok");
  assertEquals((await swarm.result("good")).status, "completed");
  assertEquals((await swarm.names("requests")).length, 1);
});

swarmTest("an id that was used is refused, whether at work or done", async (swarm) => {
  await swarm.request("r-1");
  await swarm.serve("echo first");
  await swarm.request("r-1");
  await swarm.serve("echo second");
  assertEquals((await swarm.result("r-1")).output, "first\n");
  assertEquals(await swarm.names("rejected"), ["r-1.json", "r-1.json.reason.json"]);
});

swarmTest("a file that is still being written is waited for", async (swarm) => {
  const text = JSON.stringify({ requestId: "slow", agentRole: "a", task: { objective: "o" } });
  await swarm.drop("slow.json", text.slice(0, 20));
  const system = new SystemClock(epochOffsetMs());
  let stoppedAt: number | null = system.now(); // so that this test has all the time it takes
  const clock: Clock = { now: () => stoppedAt ?? system.now(), schedule: (...call) => system.schedule(...call) };
  const coordinator = await swarm.open("echo ok", { clock });
  const running = coordinator.run({ once: true });
  await until(() => coordinator.agents.length === 1);
  const [claim] = await swarm.names("processing");
  await Deno.writeTextFile(`${swarm.root}/processing/${claim}`, text.slice(20), { append: true });
  stoppedAt = null;
  await running;
  assertEquals((await swarm.result("slow")).status, "completed");
});

swarmTest("one whose time lies ahead is waited for no longer", async (swarm) => {
  await swarm.drop("ahead.json", "{");
  const ahead = new Date(Date.now() + 3_600_000);
  await Deno.utime(`${swarm.root}/requests/ahead.json`, ahead, ahead);
  await swarm.serve("true");
  assertEquals(await swarm.names("rejected"), ["ahead.json", "ahead.json.reason.json"]);
});

swarmTest("a file that is no UTF-8 is not served with other characters in its place", async (swarm) => {
  await swarm.drop("latin.json", "");
  const text = JSON.stringify({ requestId: "latin", agentRole: "a", task: { objective: "caf\u00e9" } });
  await Deno.writeFile(`${swarm.root}/requests/latin.json`, Uint8Array.from(text, (character) => character.charCodeAt(0)));
  await swarm.serve("true");
  assertEquals(JSON.parse(await Deno.readTextFile(`${swarm.root}/rejected/latin.json.reason.json`)).reason, "file: it is no UTF-8.");
});

swarmTest("a command that is not there is refused before a request is touched", async (swarm) => {
  await swarm.request("r-1");
  await Deno.writeTextFile(`${swarm.root}/not_executable`, "#!/bin/sh\n", { mode: 0o644 });
  const refusals: readonly [command: string[], message: string][] = [
    [["no-such-command"], "in none of the folders of PATH"],
    [["./no/such/file"], "there is no such file"],
    [[`${swarm.root}/not_executable`], "is not executable"],
    [[], "none was given"],
  ];
  for (const [command, message] of refusals) {
    assertStringIncludes(
      (await assertRejects(() => ProcessCoordinator.open({ folder: swarm.root, command }), ConfigError)).message,
      message,
    );
  }
  assertEquals(await swarm.names("requests"), ["r-1.json"]);
});

swarmTest("one that can be found and not started is a result", async (swarm) => {
  await Deno.writeTextFile(`${swarm.root}/agent`, "#!/no/such/interpreter\n", { mode: 0o755 });
  await swarm.request("r-1");
  await swarm.serve("", { command: [`${swarm.root}/agent`] });
  const { status, failureReason, exitCode } = await swarm.result("r-1");
  assertEquals([status, failureReason, exitCode], ["failed", "SPAWN_FAILED", null]);
});

swarmTest("a health check is tried twice, its time counts, and each try has its line", async (swarm) => {
  await swarm.request("passes");
  await swarm.serve("echo ok", { healthCheck: "test -e $SWARM_DIR/tried || { touch $SWARM_DIR/tried; echo not yet; exit 1; }" });
  const { status, durationMs, stats } = await swarm.result("passes");
  assertEquals(status, "completed");
  assert(stats!.healthCheckMs! > 0 && stats!.healthCheckMs! <= durationMs);
  await swarm.request("fails");
  await swarm.serve("echo ran >> $SWARM_DIR/ran", { healthCheck: "sleep 300", settings: { healthCheckTimeoutMs: 100, killGraceMs: 100 } });
  const failed = await swarm.result("fails");
  assertEquals([failed.status, failed.failureReason, failed.error], ["failed", "HEALTH_CHECK_FAILED", "TIMEOUT after 100ms"]);
  await swarm.request("skipped");
  await swarm.serve("echo ok", { healthCheck: "false", settings: { skipHealthCheck: true } });
  assertEquals((await swarm.result("skipped")).stats!.healthCheckMs, null);
  const lines = (await Deno.readTextFile(`${swarm.root}/logs/health-checks.log`)).trim().split("\n").map((line) => line.split(" | "));
  assertEquals(lines.map(([, id, verdict]) => `${id} ${verdict}`), ["passes FAIL", "passes PASS", "fails FAIL", "fails FAIL"]);
  assertEquals(lines[0][4], "exit code 1 not yet");
});

swarmTest("a long context is a file, a short one is in the prompt", async (swarm) => {
  await swarm.request("long", {}, { context: { text: "needle".repeat(100) }, requirements: ["one", "two", "three", "four"] });
  await swarm.request("short", {}, { context: { text: "needle" } });
  await swarm.serve('cat; echo "[$SWARM_CONTEXT_MODE]"; test -z "$SWARM_CONTEXT_FILE" || cat "$SWARM_CONTEXT_FILE"');
  const long = (await swarm.result("long")).output;
  assertEquals(long.indexOf("[lazy]") < long.indexOf("needle"), true);
  assertStringIncludes(long, "and 1 more");
  assertStringIncludes(long, '"four"');
  const short = await swarm.result("short");
  assertEquals(short.output.indexOf("needle") < short.output.indexOf("[full]"), true);
  assertEquals(await swarm.names("context"), ["long.json"]);
});

swarmTest("the model reaches the command and the environment", async (swarm) => {
  await swarm.request("r-1", { model: "small" });
  await swarm.request("r-2");
  await swarm.serve("", { command: ["sh", "-c", 'echo "$SWARM_MODEL:$*"', "agent"], modelOption: "--model" });
  assertEquals([(await swarm.result("r-1")).output, (await swarm.result("r-2")).output], ["small:--model small\n", ":\n"]);
  assertEquals((await swarm.result("r-1")).stats!.model, "small");
});

swarmTest("agents request agents, to a depth and a number", async (swarm) => {
  // Each agent asks for two more; a request is complete before it can be seen.
  const script = `for i in 1 2; do
    echo "{\\"requestId\\":\\"$SWARM_REQUEST_ID-$i\\",\\"agentRole\\":\\"a\\",\\"parentRequestId\\":\\"$SWARM_REQUEST_ID\\",\\"task\\":{\\"objective\\":\\"o\\"}}" > $SWARM_DIR/requests/$SWARM_REQUEST_ID-$i.draft
    mv $SWARM_DIR/requests/$SWARM_REQUEST_ID-$i.draft $SWARM_DIR/requests/$SWARM_REQUEST_ID-$i.json
  done; echo $SWARM_DEPTH`;
  await swarm.request("r");
  await swarm.serve(script, { settings: { requestDepthMax: 2, requestsPerTreeMax: 5 } });
  const served = finished(swarm);
  assertEquals(served.map(({ output }) => output.trim()).sort().join(""), "011222");
  const reasons = swarm.events.flatMap((event) => event.event === "rejected" ? [event.reason.replace(/\d/g, "n")] : []);
  assertEquals(reasons.length, 1 + 2 * 3);
  assertEquals(reasons.filter((reason) => reason.includes("requestsPerTreeMax")).length, 1);
  assertEquals(reasons.filter((reason) => reason.includes("requestDepthMax")).length, 6);
});

swarmTest("a place in a tree that a crash cut short, or an agent wrote over, is found anew", async (swarm) => {
  await Deno.mkdir(`${swarm.root}/lineage`);
  const torn = ["", "{", "null", '{"rootRequestId":"../x","depth":1}', '{"rootRequestId":"p","depth":-1}'];
  for (const [i, text] of torn.entries()) {
    await Deno.writeTextFile(`${swarm.root}/lineage/r-${i}.json`, text);
    await swarm.request(`r-${i}`, { parentRequestId: "p" });
  }
  await swarm.serve("echo $SWARM_DEPTH");
  assertEquals(finished(swarm).map(({ output }) => output), torn.map(() => "1\n"));
});

swarmTest("cancel ends one agent, and its result says so", async (swarm) => {
  await swarm.request("r-1");
  await swarm.request("r-2");
  const coordinator = await swarm.open("test $SWARM_REQUEST_ID = r-2 || exec sleep 300; echo ok");
  const running = coordinator.run({ once: true });
  await until(() => coordinator.agents.some(({ requestId, phase }) => requestId === "r-1" && phase === "running"));
  assertEquals([coordinator.cancel("r-1"), coordinator.cancel("r-9")], [true, false]);
  assertEquals(await running, { completed: 1, failed: 1, rejected: 0, strays: 0 });
  const { status, failureReason } = await swarm.result("r-1");
  assertEquals([status, failureReason], ["cancelled", "CANCELLED"]);
});

swarmTest("draining lets who runs end and starts nothing more; stopping ends who runs", async (swarm) => {
  for (const id of ["r-1", "r-2", "r-3"]) await swarm.request(id);
  const draining = new AbortController();
  const coordinator = await swarm.open("read go < $SWARM_DIR/gate; echo done", { settings: { maxConcurrentAgents: 2 } });
  await new Deno.Command("mkfifo", { args: [`${swarm.root}/gate`] }).output();
  const running = coordinator.run({ signal: draining.signal });
  await until(() => coordinator.agents.filter(({ phase }) => phase === "running").length === 2);
  draining.abort();
  await new Deno.Command("sh", { args: ["-c", `printf 'go\\ngo\\n' > ${swarm.root}/gate`] }).output();
  await until(() => coordinator.summary.completed >= 1);
  coordinator.stopAll();
  const summary = await running;
  assertEquals(summary.completed + summary.failed, 2);
  assertEquals(await swarm.names("requests"), ["r-3.json"]);
  for (const result of finished(swarm)) assertEquals(result.failureReason, result.status === "completed" ? null : "SHUTDOWN");
  assertEquals(await swarm.living(), []);
});

swarmTest("a coordinator that watches finds what comes later", async (swarm) => {
  const draining = new AbortController();
  const coordinator = await swarm.open("echo ok", { settings: { pollIntervalMs: 20 } });
  const running = coordinator.run({ signal: draining.signal });
  await until(() => coordinator.agents.length === 0);
  await swarm.request("late");
  await until(() => coordinator.summary.completed === 1);
  draining.abort();
  assertEquals((await running).completed, 1);
});

swarmTest(
  "an agent that writes to its sibling's folder and forges its result changes neither its result nor its log's own lines",
  async (swarm) => {
    for (const id of ["victim", "writer"]) await swarm.request(id);
    await new Deno.Command("mkfifo", { args: [`${swarm.root}/gate`] }).output();
    const script = `if test $SWARM_REQUEST_ID = victim; then echo first; cat $SWARM_DIR/gate; echo last; else
    until test -d $SWARM_DIR/work/victim && grep -q first $SWARM_DIR/logs/victim.stream.txt; do sleep 0.01; done
    echo intruder > $SWARM_DIR/work/victim/file; echo '{"status":"completed","output":"forged"}' > $SWARM_DIR/results/victim.json
    echo intruder >> $SWARM_DIR/logs/victim.stream.txt; echo go > $SWARM_DIR/gate; fi`;
    await swarm.serve(script);
    const { output, stats } = await swarm.result("victim");
    assertEquals(output, "first\ngo\nlast\n");
    assertEquals(await swarm.names("rejected"), ["victim.result.json", "victim.result.json.reason.json"]);
    const log = await Deno.readTextFile(`${swarm.root}/logs/victim.stream.txt`);
    assertEquals(log.split("\n").filter((line) => ["first", "intruder", "go", "last"].includes(line)), ["first", "intruder", "go", "last"]);
    assertEquals(await Deno.readTextFile(`${stats!.workingDirectory}/file`), "intruder\n"); // nothing keeps it out: see SECURITY.md
  },
);

swarmTest("a result that somebody forged is not believed while its agent is at work", async (swarm) => {
  await swarm.request("r-1");
  await swarm.serve('echo "{}" > $SWARM_DIR/results/r-1.json; echo mine');
  assertEquals((await swarm.result("r-1")).output, "mine\n");
  assertEquals(await swarm.names("rejected"), ["r-1.result.json", "r-1.result.json.reason.json"]);
});

swarmTest("a folder that cannot be written any more is told by its code, and taken up by the next", async (swarm) => {
  await swarm.request("r-1");
  const error = await assertRejects(() => swarm.serve("rm -r $SWARM_DIR/results; echo done"), KernelError, "results/r-1.json");
  assertEquals([error.code, error.data.code], ["SWARM_FOLDER", "ENOENT"]);
  await swarm.serve("echo again");
  assertEquals((await swarm.result("r-1")).fate, "unknown");
});

swarmTest("whoever is at work when the folder cannot be looked at any more is waited for", async (swarm) => {
  await swarm.request("r-1");
  const script = "cat > /dev/null; rm -r $SWARM_DIR/requests; sleep 0.3; echo done";
  await assertRejects(() => swarm.serve(script, { settings: { pollIntervalMs: 10 } }), KernelError, "cannot be worked in");
  assertEquals((await swarm.result("r-1")).output, "done\n");
});
