/**
 * APEX: leads. Plans in stages, weighs options, has others scan, encrypt and report, and logs what happened.
 *
 * @module
 */
import type { AgentBehavior } from "../agents/agent.ts";
import { InvalidArgumentError } from "../base/errors.ts";
import { TEAM_ITEMS_MAX } from "../base/limits.ts";
import { isPlainObject, listAt } from "../team/input.ts";
import type { Effector } from "../threats/effector.ts";
import { type Answered, askAll, namedAgents } from "./asking.ts";
import { collectiveAgent, fields, type Handler } from "./contract.ts";
import { numberAt } from "./fields.ts";
import { loadedMeasures, measureCommands, savedMeasures, standingOf, type WithMeasures, withMeasures } from "./measures.ts";
import { nameAt } from "./message.ts";

type Command = Handler<WithMeasures>;

/** The one answer, or its error. */
function only(answers: Record<string, Answered>): unknown {
  const [answer] = Object.values(answers);
  return answer.ok ? answer.payload : { failed: answer.error };
}

const threatScan: Command = async (params, _memory, ctx) => {
  const { fortress, events = [], timeoutMs } = fields(params, "fortress", "events", "timeoutMs");
  const agents = namedAgents({ fortress });
  const found = await askAll(agents, { type: "Command", payload: { command: "detect", events } }, timeoutMs, ctx);
  return { scanned: only(found) };
};

const cryptoInit: Command = async (params, _memory, ctx) => {
  const { cipher, timeoutMs, ...key } = fields(params, "cipher", "key", "algorithm", "exportable", "timeoutMs");
  const given = Object.fromEntries(Object.entries(key).filter(([, value]) => value !== undefined));
  return {
    key: only(await askAll(namedAgents({ cipher }), { type: "Command", payload: { command: "generate_key", ...given } }, timeoutMs, ctx)),
  };
};

const healthCheck: Command = async (params, _memory, ctx) => {
  const { agents, timeoutMs } = fields(params, "agents", "timeoutMs");
  const answers = await askAll(namedAgents(agents), { type: "Query", payload: { query: "status" } }, timeoutMs, ctx);
  const healthy = Object.values(answers).filter((answer) => answer.ok && isWell(answer.payload)).length;
  return { healthy, asked: Object.keys(answers).length, agents: answers };
};

function isWell(status: unknown): boolean {
  return isPlainObject(status) && status.state !== "Failed" && isPlainObject(status.metrics) && status.metrics.isHealthy === true;
}

const execute: Command = async (params, _memory, ctx) => {
  const { agents, do: order, with: given = {}, timeoutMs } = fields(params, "agents", "do", "with", "timeoutMs");
  if (!isPlainObject(given)) throw new InvalidArgumentError("params.with", given, "give an object of fields.");
  const payload = { ...given, command: nameAt("params.do", order) };
  return { agents: await askAll(namedAgents(agents), { type: "Command", payload }, timeoutMs, ctx) };
};

/** Goals in stages: those of a stage need nothing of each other. Throws naming a goal that waits for itself, or for nobody. */
const plan: Command = (params) => {
  const { goals } = fields(params, "goals");
  const open = new Map<string, readonly string[]>();
  for (const [index, goal] of listAt("params.goals", goals, TEAM_ITEMS_MAX, 1).entries()) {
    const { id, dependencies = [] } = isPlainObject(goal) ? goal : { id: goal };
    const name = nameAt(`params.goals[${index}].id`, id);
    if (open.has(name)) throw new InvalidArgumentError(`params.goals[${index}].id`, name, "another goal has this id.");
    open.set(
      name,
      listAt(`params.goals[${index}].dependencies`, dependencies, TEAM_ITEMS_MAX).map((other) => nameAt("dependencies", other)),
    );
  }
  for (const [name, needs] of open) {
    const unknown = needs.find((need) => !open.has(need));
    if (unknown !== undefined) throw new InvalidArgumentError(`params.goals.${name}`, unknown, "it depends on a goal that is not there.");
  }
  const stages: string[][] = [];
  const done = new Set<string>();
  while (open.size > 0) {
    const stage = [...open].filter(([, needs]) => needs.every((need) => done.has(need))).map(([name]) => name);
    if (stage.length === 0) throw new InvalidArgumentError("params.goals", [...open.keys()].join(", "), "these goals wait for each other.");
    for (const name of stage) {
      open.delete(name);
      done.add(name);
    }
    stages.push(stage);
  }
  return { stages };
};

const UTILITY_MAX = 1e12;

/** The option with the greatest expected gain: probability × benefit − cost. */
const decide: Command = (params) => {
  const { options } = fields(params, "options");
  const ranked = listAt("params.options", options, TEAM_ITEMS_MAX, 1).map((option, index) => {
    const field = `params.options[${index}]`;
    const { name, benefit, cost = 0, probability = 1 } = isPlainObject(option) ? option : {};
    const gain = numberAt(`${field}.probability`, probability, 0, 1) * numberAt(`${field}.benefit`, benefit, 0, UTILITY_MAX) -
      numberAt(`${field}.cost`, cost, 0, UTILITY_MAX);
    return { name: nameAt(`${field}.name`, name), gain };
  }).sort((a, b) => b.gain - a.gain);
  return { chosen: ranked[0].gain > 0 ? ranked[0].name : null, ranked };
};

const measures = measureCommands<WithMeasures>({
  log_incident: { measure: "log_incident", from: ["source_ip", "host", "user"] },
  unlog_incident: { measure: "log_incident", lifts: true, from: ["source_ip", "host", "user"] },
  notify_user: { measure: "notify", from: ["user", "user_id", "username", "source_ip"] },
});

/** APEX, acting through `effector`; in memory without one. */
export function apex(effector?: Effector): AgentBehavior {
  return collectiveAgent<WithMeasures>({
    name: "APEX",
    capabilities: ["strategic_planning", "task_orchestration", "command_execution", "state_management", "decision_making"],
    commands: { threat_scan: threatScan, crypto_init: cryptoInit, health_check: healthCheck, execute, plan, decide, ...measures },
    queries: { standing: standingOf() },
    memory: () => withMeasures(effector),
    save: savedMeasures,
    load: (saved) => loadedMeasures(saved, effector),
  });
}
