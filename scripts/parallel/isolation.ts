/**
 * The document's fourth test: what two agents at the same time share. Each line is looked at by an assertion of its own.
 *
 * @module
 */
import type { AgentResult } from "../../core/processes/agent_result.ts";
import { type LabOutcome, type LabRequest, requestsNamed, runLab } from "./laboratory.ts";

/** One thing that must not be shared. */
export interface IsolationFinding {
  /** What. */
  readonly what: string;
  /** Whether it holds. */
  readonly holds: boolean;
  /** What was seen. */
  readonly seen: string;
}

/** Each writes its name here and there, waits until the other one has, too, and tells what it finds. */
const SCRIPT = `mine=$SWARM_REQUEST_ID; echo $mine > same; echo $mine >> $SWARM_DIR/shared; echo $mine > $SWARM_DIR/replaced
while [ $(wc -l < $SWARM_DIR/shared) -lt 2 ]; do sleep 0.01; done
echo "pid=$$ mine=$mine same=$(cat same) cwd=$(pwd) handles=$(readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2 | tr '\\n' ' ')"`;

/** Both take longer than the simple one's deadline, and less than three times that, which the hard one has. */
const CLOCKS: readonly LabRequest[] = [
  { requestId: "clock-0", objective: "say hello" },
  { requestId: "clock-1", objective: "research and implement it" },
];
const CLOCK_SETTINGS = { initialTimeoutMs: 1_000, killGraceMs: 200 };
/** One is silent, the other prints ten times as often as it would have to. */
const BEAT = "test $SWARM_REQUEST_ID = beat-0 && exec sleep 30; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do echo $i; sleep 0.1; done";
const BEAT_SETTINGS = { heartbeatTimeoutMs: 1_000, heartbeatCheckIntervalMs: 200, killGraceMs: 200 };

/** Looks at everything that two agents might share. */
export async function inspectIsolation(): Promise<IsolationFinding[]> {
  const findings = await Promise.all([
    runLab(requestsNamed("apart", 2), SCRIPT, {}, together),
    runLab(CLOCKS, "sleep 1.6; echo done", { settings: CLOCK_SETTINGS }, timeOuts),
    runLab(requestsNamed("beat", 2), BEAT, { settings: BEAT_SETTINGS }, heartbeats),
  ]);
  return findings.flat();
}

async function together({ results, views, folder }: LabOutcome): Promise<IsolationFinding[]> {
  const told = results.toSorted((a, b) => a.requestId < b.requestId ? -1 : 1).map(({ output }) => factsFrom(output));
  const [a, b] = told;
  const handles = told.map((facts) => facts.handles.trim().split(" ").filter((handle) => handle.startsWith("pipe:")));
  const logs = await Promise.all(results.map(async ({ requestId }) => await Deno.readTextFile(`${folder}/logs/${requestId}.stream.txt`)));
  const shared = (await Deno.readTextFile(`${folder}/shared`)).trim().split("\n").sort();
  const replaced = (await Deno.readTextFile(`${folder}/replaced`)).trim();
  const own = (text: string, result: AgentResult): boolean =>
    results.every(({ requestId }) => text.includes(`mine=${requestId}`) === (requestId === result.requestId));
  return [
    { what: "process", holds: a.pid !== b.pid, seen: `numbers ${a.pid} and ${b.pid}, each first of a session of its own` },
    { what: "memory", holds: a.mine === "apart-0" && b.mine === "apart-1", seen: "each kept its own value of the same variable" },
    {
      what: "handles",
      holds: handles.every((list) => list.length === 3) && new Set(handles.flat()).size === 6,
      seen: "three pipes each, none in common",
    },
    {
      what: "files",
      holds: a.same === "apart-0" && b.same === "apart-1" && a.cwd !== b.cwd,
      seen: "the same name in two folders: two files",
    },
    { what: "logs", holds: results.every((result, i) => own(logs[i], result)), seen: "each holds its own agent's output only" },
    { what: "results", holds: results.every((result) => own(result.output, result)), seen: "each holds its own agent's output only" },
    {
      what: "tracking",
      holds: views.length === 2 && new Set(views.map(({ requestId }) => requestId)).size === 2,
      seen: `${views.length} agents seen at work at once`,
    },
    {
      what: "one file written by both",
      holds: shared.join() === "apart-0,apart-1" && ["apart-0", "apart-1"].includes(replaced),
      seen:
        `appended to: both lines are whole; replaced: the last one stays (${replaced}). Nothing keeps agents of one user from each other's files`,
    },
  ];
}

function timeOuts({ results }: LabOutcome): IsolationFinding[] {
  const status = statuses(results, "clock");
  return [{
    what: "time-outs",
    holds: status.join() === "timeout PROGRESSIVE_TIMEOUT,completed",
    seen: `one agent: ${status[0]}; its neighbour with more time: ${status[1]}`,
  }];
}

function heartbeats({ results }: LabOutcome): IsolationFinding[] {
  const status = statuses(results, "beat");
  const holds = status[0] === "timeout HEARTBEAT_TIMEOUT" && status[1] === "completed";
  return [{ what: "heartbeats", holds, seen: `the silent agent: ${status[0]}; its neighbour, which prints: ${status[1]}` }];
}

function statuses(results: readonly AgentResult[], prefix: string): string[] {
  return [0, 1].map((i) => {
    const { status, failureReason } = results.find(({ requestId }) => requestId === `${prefix}-${i}`)!;
    return failureReason === null ? status : `${status} ${failureReason}`;
  });
}

function factsFrom(output: string): Record<string, string> {
  return Object.fromEntries([...output.matchAll(/(\w+)=(.*?)(?= \w+=|\n|$)/g)].map(([, name, value]) => [name, value]));
}
