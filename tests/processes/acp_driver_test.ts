/** A real agent program that speaks the protocol (support/acp_agent.ts), and an agent in memory for what such a program would not do. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { acpDriver } from "../../core/processes/acp_driver.ts";
import { parseRequest } from "../../core/processes/agent_request.ts";
import { testWith } from "../support/permissions.ts";
import { PROCESS_NEEDS, withSwarm } from "../support/swarm.ts";
import { until } from "../support/until.ts";

const AGENT = decodeURIComponent(new URL("../support/acp_agent.ts", import.meta.url).pathname);
const COMMAND = [Deno.execPath(), "run", "--quiet", "--no-prompt", "--no-config", "--no-lock", "--allow-write=.", "--allow-env", AGENT];
const SETTINGS = { maxConcurrentAgents: 2, killGraceMs: 5_000 };

testWith(PROCESS_NEEDS, "an agent is greeted, given its model and its prompt, and its text is the result", async () => {
  await withSwarm(async (swarm) => {
    const objectives = { plain: "do it", odd: "garbage and files", refused: "refuse", failed: "fail", vanished: "vanish" };
    for (const [id, objective] of Object.entries(objectives)) {
      await swarm.request(id, id === "plain" ? { model: "big" } : {}, { objective });
    }
    await swarm.serve("", { command: COMMAND, driver: "acp", settings: SETTINGS });
    const plain = await swarm.result("plain");
    assertEquals([plain.status, plain.output, plain.exitCode], ["completed", "model big; done", 0]);
    assertEquals(plain.stats!.protocol, { updates: 3, allowed: 0, rejected: 0, malformed: 0, stopReason: "end_turn" });
    const odd = await swarm.result("odd");
    assertEquals([odd.output, odd.stats!.protocol!.malformed], ["model default; files true; done", 1]);
    const errors = await Promise.all(["refused", "failed", "vanished"].map(async (id) => await swarm.result(id)));
    assertEquals(errors.map(({ status, failureReason }) => [status, failureReason]), Array(3).fill(["failed", "EXIT_CODE"]));
    assertEquals(errors[0].error, "it stopped early: refusal");
    assertStringIncludes(errors[1].error!, "session/prompt failed");
    assertEquals(errors[2].error, "it ended before it had answered the prompt");
    assertEquals(await swarm.living(), []);
  });
});

testWith(PROCESS_NEEDS, "permissions are answered by policy, and a version that is not ours is refused", async () => {
  await withSwarm(async (swarm) => {
    await swarm.request("allowed", {}, { objective: "permission" });
    await swarm.serve("", { command: COMMAND, driver: "acp", permissions: "allow" });
    await swarm.request("rejected", {}, { objective: "permission" });
    await swarm.serve("", { command: COMMAND, driver: "acp" });
    await swarm.request("version");
    await swarm.serve("", { command: ["env", "ACP_VERSION=2", ...COMMAND], driver: "acp" });
    assertStringIncludes((await swarm.result("allowed")).output, "permission yes");
    assertEquals(await Deno.readTextFile(`${swarm.root}/${"work"}/allowed/written`), "by the agent");
    assertStringIncludes(await Deno.readTextFile(`${swarm.root}/logs/allowed.stream.txt`), "permission: allow_once for write a file");
    assertStringIncludes((await swarm.result("rejected")).output, "permission no");
    assertEquals((await swarm.result("rejected")).stats!.workingDirectory, null);
    assertEquals((await swarm.result("version")).error, "it speaks version 2, not 1");
  });
});

testWith(PROCESS_NEEDS, "an agent that is stopped is asked first, and can say its last words", async () => {
  await withSwarm(async (swarm) => {
    await swarm.request("r-1", {}, { objective: "wait" });
    const coordinator = await swarm.open("", { command: COMMAND, driver: "acp", settings: SETTINGS });
    const running = coordinator.run({ once: true });
    await until(() => coordinator.agents.some(({ outputBytes }) => outputBytes > 500));
    coordinator.cancel("r-1");
    await running;
    const { status, failureReason, output, stats } = await swarm.result("r-1");
    assertEquals([status, failureReason, output], ["cancelled", "CANCELLED", "model default; waiting"]);
    assertEquals(stats!.protocol!.stopReason, "cancelled");
  });
});

Deno.test("whatever an agent sends, the talk goes on or ends with what was wrong", async () => {
  const lines = [
    "null",
    "[]",
    "{}",
    '{"jsonrpc":"2.0","id":99,"result":{}}',
    '{"jsonrpc":"2.0","method":"session/update"}',
    "\u0000",
    '{"jsonrpc":"2.0","id":5,"method":"x"}',
  ];
  const sent: string[] = [];
  const request = parseRequest('{"agentRole":"a","task":{"objective":"o"}}', "a.json", () => "r");
  const talk = acpDriver("reject")({
    ...{ request, prompt: "p", cwd: "/", write: (text: string) => void sent.push(text), endInput: () => undefined, note: () => undefined },
  });
  for (const line of lines) talk.take(new TextEncoder().encode(`${line}\n`));
  assertEquals(talk.outcome(true).protocol, { updates: 1, allowed: 0, rejected: 0, malformed: 5, stopReason: "none" });
  assertStringIncludes(sent.at(-1)!, "x is not offered");
  assertEquals(talk.cancel(), false);
  talk.take(new TextEncoder().encode('{"jsonrpc":"2.0","id":0,"error":{"code":1}}\n'));
  await talk.done;
  assertEquals(talk.outcome(true).error, 'initialize failed: {"code":1}');
});
