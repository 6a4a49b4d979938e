/** Nested and parallel states: what is left, what is entered, and in which order. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { StateMachine, type StateNode, type StateTransition } from "../../core/base/state_machine.ts";

/** A machine that writes down what it leaves and enters. */
function logged(
  initial: string,
  states: Record<string, StateNode>,
  transitions: StateTransition[],
): { machine: StateMachine; log: string[]; go(to: string): Promise<string> } {
  const log: string[] = [];
  const watch = (nodes: Record<string, StateNode>): Record<string, StateNode> =>
    Object.fromEntries(
      Object.entries(nodes).map(([name, node]) => [name, {
        ...node,
        onEntry: () => log.push(`+${name}`),
        onExit: () => log.push(`-${name}`),
        states: watch((node.states ?? {}) as Record<string, StateNode>),
      }]),
    );
  const machine = new StateMachine<string, string, unknown>({ initial, states: watch(states), transitions });
  const go = async (to: string): Promise<string> => {
    log.length = 0;
    const done = await (to.startsWith("!") ? machine.send(to.slice(1)) : machine.transition(to));
    return `${done ? "" : "refused "}${log.join(" ")}`;
  };
  return { machine, log, go };
}

const JOB = {
  OFF: {},
  ON: { initial: "WAITING", states: { WAITING: {}, BUSY: { initial: "FETCHING", states: { FETCHING: {}, PARSING: {} } } } },
};

Deno.test("entering a state enters its initial ones, leaving it leaves what is within, deepest first", async () => {
  const { machine, go } = logged("OFF", JOB, [
    { from: "OFF", to: "ON" },
    { from: "WAITING", to: "BUSY" },
    { from: "FETCHING", to: "PARSING" },
    { from: "ON", to: "OFF" },
    { from: "OFF", to: "PARSING" },
    { from: "BUSY", to: "BUSY" },
  ]);
  assertEquals(await go("ON"), "-OFF +ON +WAITING");
  assertEquals([machine.state, machine.states], ["WAITING", ["ON", "WAITING"]]);
  assertEquals([machine.matches("ON"), machine.matches("OFF")], [true, false]);
  assertEquals(await go("BUSY"), "-WAITING +BUSY +FETCHING");
  assertEquals(await go("PARSING"), "-FETCHING +PARSING");
  assertEquals(await go("BUSY"), "-PARSING -BUSY +BUSY +FETCHING");
  assertEquals(await go("OFF"), "-FETCHING -BUSY -ON +OFF"); // the edge of ON serves all within it
  assertEquals(await go("PARSING"), "-OFF +ON +BUSY +PARSING");
  assertEquals(await go("WAITING"), "refused ");
});

const PLAYER: Record<string, StateNode> = {
  OFF: {},
  PLAYING: {
    parallel: true,
    states: {
      SOUND: { initial: "LOUD", states: { LOUD: {}, MUTED: {} } },
      SPEED: { initial: "SLOW", states: { SLOW: {}, QUICK: {} } },
    },
  },
};
const PLAYER_EDGES: StateTransition[] = [
  { from: "OFF", to: "PLAYING", on: "play" },
  { from: "OFF", to: "MUTED" },
  { from: "LOUD", to: "MUTED", on: "night" },
  { from: "SLOW", to: "QUICK", on: "night" },
  { from: "PLAYING", to: "OFF", on: "stop" },
  { from: "QUICK", to: "OFF", on: "night" },
  { from: "QUICK", to: "LOUD" },
];

Deno.test("parallel regions are entered and left together and move apart", async () => {
  const { machine, go } = logged("OFF", PLAYER, PLAYER_EDGES);
  assertEquals(await go("!play"), "-OFF +PLAYING +SOUND +LOUD +SPEED +SLOW");
  assertEquals(machine.state, "PLAYING"); // the deepest state that holds both
  assertEquals(await go("MUTED"), "-LOUD +MUTED");
  assertEquals(machine.states, ["PLAYING", "SOUND", "MUTED", "SPEED", "SLOW"]);
  assertEquals(await go("!stop"), "-SLOW -SPEED -MUTED -SOUND -PLAYING +OFF");
  assertEquals(await go("MUTED"), "-OFF +PLAYING +SOUND +MUTED +SPEED +SLOW"); // the other region as it begins
  assertStringIncludes(machine.toMermaid(), "    --\n");
});

Deno.test("each region follows an event once; one that leaves the regions leaves them all", async () => {
  const { machine, go } = logged("PLAYING", PLAYER, PLAYER_EDGES);
  assertEquals(await go("!night"), "-LOUD +MUTED -SLOW +QUICK");
  assertEquals(await go("!night"), "-QUICK -SPEED -MUTED -SOUND -PLAYING +OFF");
  assertEquals(await go("!night"), "refused ");
  assertEquals(machine.getHistory(1)[0].message, "no transition leads from OFF by night");
});

Deno.test("an edge between regions leaves and enters the parallel state", async () => {
  const { go } = logged("PLAYING", PLAYER, PLAYER_EDGES);
  await go("QUICK");
  assertEquals(await go("!night"), "-LOUD +MUTED -QUICK -SPEED -MUTED -SOUND -PLAYING +OFF");
  await go("PLAYING");
  await go("!night");
  assertEquals(await go("LOUD"), "-QUICK -SPEED -MUTED -SOUND -PLAYING +PLAYING +SOUND +LOUD +SPEED +SLOW");
});

Deno.test("a snapshot holds the innermost states of all regions", async () => {
  const one = logged("PLAYING", PLAYER, PLAYER_EDGES);
  await one.go("!night");
  const other = logged("OFF", PLAYER, PLAYER_EDGES);
  other.machine.restore(one.machine.snapshot());
  assertEquals(other.machine.states, one.machine.states);
  assertEquals(other.log, []);
});
