/**
 * What an agent is told: its task, and where to find what is too long to be told at once.
 *
 * @module
 */
import type { AgentRequest } from "./agent_request.ts";
import type { ProcessSettings } from "./process_settings.ts";
import type { RequestFolder } from "./request_folder.ts";

/** How a request's context reaches its agent. */
export interface ContextPlan {
  /** `lazy` only when the context is long. */
  readonly mode: "lazy" | "full";
  /** File with the whole request; null in mode `full`. */
  readonly file: string | null;
  /** Length of context, requirements and objective as JSON. */
  readonly sizeChars: number;
}

/** Decides, and writes the file that a lazy context needs. */
export async function planContext(folder: RequestFolder, request: AgentRequest, settings: ProcessSettings): Promise<ContextPlan> {
  const { requestId, agentRole, parentRequestId, task } = request;
  const contextChars = JSON.stringify(task.context, null, 2).length;
  const sizeChars = contextChars + JSON.stringify(task.requirements, null, 2).length + task.objective.length;
  if (settings.contextMode === "full" || contextChars <= settings.maxInlineContextChars) return { mode: "full", file: null, sizeChars };
  const file = folder.path("context", `${requestId}.json`);
  await Deno.writeTextFile(file, `${JSON.stringify({ requestId, agentRole, parentRequestId, ...task }, null, 2)}\n`);
  return { mode: "lazy", file, sizeChars };
}

/** Requirements that a lazy prompt names itself. */
const REQUIREMENTS_INLINE = 3;

/** The prompt. */
export function promptOf(folder: RequestFolder, request: AgentRequest, context: ContextPlan): string {
  const { requestId, agentRole, parentRequestId, task } = request;
  const named = context.file === null ? task.requirements : task.requirements.slice(0, REQUIREMENTS_INLINE);
  const left = task.requirements.length - named.length;
  const parentResult = parentRequestId &&
    `The result of the request that led to this one: ${folder.path("results", `${parentRequestId}.json`)}`;
  const sections = [
    `You are the agent "${agentRole}", one of several that work in parallel.\nRequest: ${requestId}\nParent: ${parentRequestId ?? "none"}`,
    `# Objective\n${task.objective}`,
    named.length > 0 &&
    `# Requirements\n${named.map((text) => `- ${text}`).join("\n")}${left > 0 ? `\n- and ${left} more, see below` : ""}`,
    `# Context\n${
      context.file === null ? JSON.stringify(task.context, null, 2) : `Read it when you need it, with all requirements: ${context.file}`
    }`,
    parentResult,
    `# Other agents
To have another agent do a part, write a file into ${folder.path("requests")} (under another ending, then rename it to .json):
{"requestId": "…", "agentRole": "…", "parentRequestId": "${requestId}", "task": {"objective": "…", "context": {}, "requirements": []}}
Its result will be ${folder.path("results")}/<requestId>.json; a request that cannot be done goes to ${folder.path("rejected")}.`,
    "Do the task now. What you print is the result.",
  ];
  return `${sections.filter(Boolean).join("\n\n")}\n`;
}
