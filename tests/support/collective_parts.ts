/** Asking agents of the collective in tests. */
import { type AgentId, UltraFastAgentManager } from "../../mod.ts";

/** Plain data of many forms, as it comes out of a message: tests look at the fields that they are about. */
type Answer = ReturnType<typeof JSON.parse>;

/** A manager without threads, with a short way to command and query. */
export class Collective implements AsyncDisposable {
  /** `threads` is 0 unless a test is about threads. */
  constructor(readonly manager: UltraFastAgentManager = new UltraFastAgentManager({ threads: 0 })) {}

  /** An agent of a type. */
  async spawn(type: string): Promise<AgentId> {
    await this.manager.initialize();
    return await this.manager.spawnAgent(type);
  }

  /** What a command came to. */
  async command(id: AgentId, command: string, params: object = {}): Promise<Answer> {
    return (await this.manager.ask<{ payload: Answer }>(id, { type: "Command", payload: { command, ...params } })).payload;
  }

  /** What a query came to. */
  async query(id: AgentId, query: string, params: object = {}): Promise<Answer> {
    return (await this.manager.ask<{ payload: Answer }>(id, { type: "Query", payload: { query, ...params } })).payload;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.manager.shutdown();
  }
}

/** The code of what a promise rejects with. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  return "resolved";
}
