import { assertEquals } from "@std/assert";
import { type AgentRequest, parseRequest } from "../../core/processes/agent_request.ts";
import { complexityOf, firstTimeoutMs } from "../../core/processes/complexity.ts";

function request(objective: string, requirements: string[] = [], context: unknown = {}): AgentRequest {
  return parseRequest(JSON.stringify({ agentRole: "r", task: { objective, requirements, context } }), "a.json", () => "r-1");
}

Deno.test("each indicator gives the points of the owner's document", () => {
  const cases: readonly [points: number, request: AgentRequest][] = [
    [0, request("say hello")],
    [4, request("delegate it")],
    [3, request("research it")],
    [3, request("implement it")],
    [2, request("one step")],
    [2, request("write it down")],
    [2, request("test it")],
    [2, request("say hello", ["a", "b", "c", "d"])],
    [0, request("say hello", ["a", "b", "c"])],
    [1, request("say hello", [], { text: "x".repeat(1_001) })],
    [19, request("spawn agents that research, implement files, test them, then report", ["a", "b", "c", "d"], "x".repeat(1_001))],
  ];
  for (const [points, asked] of cases) assertEquals(complexityOf(asked).score, points, asked.task.objective);
});

Deno.test("levels begin at 3 and 6 points, and multiply the first deadline up to the longest", () => {
  const levels: readonly [objective: string, level: string, ms: number][] = [
    ["say hello", "simple", 60_000],
    ["write it", "simple", 60_000],
    ["research it", "moderate", 120_000],
    ["research it and test it", "moderate", 120_000],
    ["research and implement it", "complex", 180_000],
  ];
  for (const [objective, level, ms] of levels) {
    const complexity = complexityOf(request(objective));
    assertEquals([complexity.level, firstTimeoutMs(complexity, 60_000, 240_000)], [level as "simple", ms], objective);
    assertEquals(firstTimeoutMs(complexity, 60_000, 50_000), 50_000);
  }
});
