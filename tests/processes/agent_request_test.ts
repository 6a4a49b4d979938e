import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import fc from "fast-check";
import { REQUEST_NESTING_MAX } from "../../core/base/limits.ts";
import { Random } from "../../core/base/random.ts";
import { generateId, parseRequest, RequestRejectedError } from "../../core/processes/agent_request.ts";

const TASK = { objective: "work" };
const nested = (levels: number): unknown => JSON.parse("[".repeat(levels) + "]".repeat(levels));
const parse = (value: unknown, name = "a.json") => parseRequest(JSON.stringify(value), name, () => "made-1");

Deno.test("a request keeps its fields, and what is missing has a value", () => {
  const full = {
    requestId: "a.b-1",
    agentRole: "coder",
    parentRequestId: "p",
    model: "m",
    task: { objective: "o", context: [1], requirements: ["r"] },
  };
  assertEquals(parse(full), { ...full, unknownKeys: [] });
  assertEquals(parse({ agentRole: "coder", parentRequestId: null, model: null, task: TASK }), {
    ...{ requestId: "made-1", agentRole: "coder", task: { objective: "work", context: {}, requirements: [] }, unknownKeys: [] },
  });
});

Deno.test("an id that was made before a crash is found in the file's name", () => {
  assertEquals(parse({ agentRole: "a", task: TASK }, "req-1766067552132-f2q587.json").requestId, "req-1766067552132-f2q587");
  assertEquals(parse({ agentRole: "a", task: TASK }, "../x-1766067552132-f2q587.json").requestId, "made-1");
});

Deno.test("keys that nobody reads are told", () => {
  assertEquals(parse({ agentRole: "a", modle: "m", task: { ...TASK, goal: 1 } }).unknownKeys, ["modle", "task.goal"]);
});

Deno.test("what cannot be done is refused with the field's name", () => {
  const cases: readonly [field: string, value: unknown][] = [
    ["requestId", { requestId: "../results/x", agentRole: "a", task: TASK }],
    ["requestId", { requestId: "a/b", agentRole: "a", task: TASK }],
    ["requestId", { requestId: "..", agentRole: "a", task: TASK }],
    ["requestId", { requestId: "a..b", agentRole: "a", task: TASK }],
    ["requestId", { requestId: ".hidden", agentRole: "a", task: TASK }],
    ["requestId", { requestId: "a\u0000b", agentRole: "a", task: TASK }],
    ["requestId", { requestId: "x".repeat(129), agentRole: "a", task: TASK }],
    ["requestId", { requestId: 7, agentRole: "a", task: TASK }],
    ["parentRequestId", { agentRole: "a", parentRequestId: "../p", task: TASK }],
    ["agentRole", { task: TASK }],
    ["agentRole", { agentRole: "a\nb", task: TASK }],
    ["model", { agentRole: "a", model: "--dangerous", task: TASK }],
    ["task", { agentRole: "a" }],
    ["task.objective", { agentRole: "a", task: {} }],
    ["task.requirements.1", { agentRole: "a", task: { objective: "o", requirements: ["a", 1] } }],
    ["task.context", { agentRole: "a", task: { ...TASK, context: nested(REQUEST_NESTING_MAX + 1) } }],
    ["file", []],
    ["file", null],
  ];
  for (const [field, value] of cases) {
    const error = assertThrows(() => parse(value), RequestRejectedError, undefined, JSON.stringify(value));
    assertEquals(error.field, field, `${JSON.stringify(value)}: ${error.message}`);
  }
  const deep = `{"agentRole":"a","task":{"objective":"o","context":${"[".repeat(500_000)}${"]".repeat(500_000)}}}`;
  assertEquals(assertThrows(() => parseRequest(deep, "a.json", () => "b"), RequestRejectedError).field, "task.context");
  assertEquals(parse({ agentRole: "a", task: { ...TASK, context: nested(REQUEST_NESTING_MAX) } }).requestId, "made-1");
  assertEquals(assertThrows(() => parseRequest("{", "a.json", () => "b"), RequestRejectedError).field, "file");
});

Deno.test("no id that is taken leads out of a folder, and no text is a surprise", () => {
  fc.assert(fc.property(fc.string({ maxLength: 200 }), (requestId) => {
    try {
      assertMatch(parse({ requestId, agentRole: "a", task: TASK }).requestId, /^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/);
    } catch (error) {
      if (!(error instanceof RequestRejectedError)) throw error;
    }
  }));
  fc.assert(fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
    try {
      parseRequest(text, "a.json", () => "b");
    } catch (error) {
      if (!(error instanceof RequestRejectedError)) throw error;
    }
  }));
});

Deno.test("ids are prefix, ms and six characters of base 36", () => {
  assertMatch(generateId("req", 1_766_067_552_132.9, new Random(1)), /^req-1766067552132-[0-9a-z]{6}$/);
});
