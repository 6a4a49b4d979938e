/** Swarm folders, requests and coordinators for tests. */
import { type CoordinatorEvent, type CoordinatorOptions, ProcessCoordinator } from "../../core/processes/process_coordinator.ts";
import type { AgentResult } from "../../core/processes/agent_result.ts";
import { lookAtProcesses } from "../../core/processes/process_table.ts";
import { withFolder } from "./run_deno.ts";

/** What process agents need. */
export const PROCESS_NEEDS = { read: true, write: true, run: true } as const;

/** A swarm's folder while a test runs. */
export class Swarm {
  /** What coordinators said. */
  readonly events: CoordinatorEvent[] = [];

  readonly #coordinators: string[] = [];

  /** At `root`. */
  constructor(readonly root: string) {}

  /** Drops a request; its file is complete when it can be seen. */
  async request(requestId: string, fields: Record<string, unknown> = {}, task: Record<string, unknown> = {}): Promise<void> {
    await this.drop(`${requestId}.json`, { requestId, agentRole: "tester", ...fields, task: { objective: "work", ...task } });
  }

  /** Drops a file as a request. */
  async drop(name: string, content: unknown): Promise<void> {
    await Deno.mkdir(`${this.root}/requests`, { recursive: true });
    const draft = `${this.root}/requests/.${crypto.randomUUID()}`;
    await Deno.writeTextFile(draft, typeof content === "string" ? content : JSON.stringify(content));
    await Deno.rename(draft, `${this.root}/requests/${name}`);
  }

  /** A coordinator whose agents run this shell script. */
  async open(script: string, options: Partial<CoordinatorOptions> = {}): Promise<ProcessCoordinator> {
    const coordinator = await ProcessCoordinator.open({
      ...{ folder: this.root, command: ["sh", "-c", script], modelOption: "", onEvent: (event) => this.events.push(event) },
      ...options,
    });
    this.#coordinators.push(coordinator.name);
    return coordinator;
  }

  /** Markers of the living processes that this swarm's coordinators in this process have started. */
  async living(): Promise<string[]> {
    return (await Promise.all(this.#coordinators.map((name) => living(`/${name}`)))).flat();
  }

  /** Serves all that waits. */
  async serve(script: string, options: Partial<CoordinatorOptions> = {}): Promise<void> {
    await (await this.open(script, options)).run({ once: true });
  }

  /** A result. */
  async result(requestId: string): Promise<AgentResult> {
    return JSON.parse(await Deno.readTextFile(`${this.root}/results/${requestId}.json`)) as AgentResult;
  }

  /** Names in a folder, in order; drafts and hidden files, too. */
  async names(folder: string): Promise<string[]> {
    const names: string[] = [];
    for await (const { name } of Deno.readDir(`${this.root}/${folder}`)) names.push(name);
    return names.sort();
  }
}

/** A swarm's folder that is there while `use` runs. */
export async function withSwarm(use: (swarm: Swarm) => Promise<void>): Promise<void> {
  await withFolder((folder) => use(new Swarm(folder)));
}

/** Markers of the living processes that hold this word. */
export async function living(word: string): Promise<string[]> {
  const table = await lookAtProcesses();
  return [...table!.processes.values()].flatMap(({ marker, ended }) => !ended && marker.includes(word) ? [marker] : []);
}
