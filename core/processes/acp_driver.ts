/**
 * Talks the Agent Client Protocol (https://agentclientprotocol.com), version 1: JSON-RPC 2.0, one message a line, over stdin and stdout.
 *
 * ```
 * → initialize                 ← protocolVersion, agentCapabilities
 * → session/new  (cwd)         ← sessionId
 * → session/prompt             ← session/update …  (text pieces are the output)
 *                              ← session/request_permission   → answered by policy
 *                              ← the answer to the prompt: stopReason
 * → session/cancel             when it shall stop
 * ```
 *
 * Files and terminals are not offered: the agent has its own working directory and its own rights.
 *
 * @module
 */
import { LineCutter } from "../base/line_cutter.ts";
import { HeadAndTail } from "./output_capture.ts";
import { type AgentDriver, type DriverPorts, objectFrom, type Talk, type TalkOutcome } from "./agent_driver.ts";

/** What is answered when an agent asks whether it may do something. */
export type PermissionPolicy = "allow" | "reject";

const PROTOCOL_VERSION = 1;
const METHOD_NOT_FOUND = -32_601;
/** In order of preference: what is granted is granted once. */
const KINDS: Readonly<Record<PermissionPolicy, readonly string[]>> = {
  allow: ["allow_once", "allow_always"],
  reject: ["reject_once", "reject_always"],
};

type Fields = Record<string, unknown>;

/** A driver with this policy. */
export function acpDriver(policy: PermissionPolicy): AgentDriver {
  return (ports) => new AcpTalk(ports, policy);
}

class AcpTalk implements Talk {
  readonly done: Promise<void>;
  readonly #finish: () => void;
  readonly #cutter = new LineCutter((line) => this.#line(line));
  readonly #pending = new Map<number, (answer: { result?: Fields; error?: unknown }) => void>();
  readonly #text = new HeadAndTail();
  readonly #counts = { updates: 0, allowed: 0, rejected: 0, malformed: 0 };
  #nextId = 0;
  #sessionId: string | null = null;
  #stopReason: string | null = null;
  #error: string | null = null;
  #cancelled = false;

  constructor(private readonly ports: DriverPorts, private readonly policy: PermissionPolicy) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.done = promise;
    this.#finish = resolve;
    void this.#converse();
  }

  take(piece: Uint8Array): void {
    this.#cutter.take(piece);
  }

  cancel(): boolean {
    if (this.#sessionId === null || this.#stopReason !== null) return false;
    this.#cancelled = true;
    this.#send({ method: "session/cancel", params: { sessionId: this.#sessionId } });
    return true;
  }

  outcome(endedWell: boolean): TalkOutcome {
    const protocol = { ...this.#counts, stopReason: this.#stopReason ?? "none" };
    const output = this.#text.text().text;
    if (this.#error !== null) return { output, error: this.#error, protocol };
    if (this.#stopReason === "end_turn") return { output, protocol };
    if (this.#stopReason !== null) return { output, error: `it stopped early: ${this.#stopReason}`, protocol };
    return { output, ...(endedWell ? { error: "it ended before it had answered the prompt" } : {}), protocol };
  }

  async #converse(): Promise<void> {
    const { prompt, cwd, request } = this.ports;
    const clientCapabilities = { fs: { readTextFile: false, writeTextFile: false }, terminal: false };
    const hello = await this.#ask("initialize", { protocolVersion: PROTOCOL_VERSION, clientCapabilities });
    if (hello === null) return;
    if (hello.protocolVersion !== PROTOCOL_VERSION) {
      return this.#fail(`it speaks version ${String(hello.protocolVersion)}, not ${PROTOCOL_VERSION}`);
    }
    const session = await this.#ask("session/new", { cwd, mcpServers: [] });
    if (session === null) return;
    if (typeof session.sessionId !== "string") return this.#fail("session/new gave no sessionId");
    const { sessionId } = session;
    if (request.model !== undefined && session.models !== undefined) {
      await this.#ask("session/set_model", { sessionId, modelId: request.model });
    }
    if (this.#error !== null) return;
    this.#sessionId = sessionId;
    const end = await this.#ask("session/prompt", { sessionId, prompt: [{ type: "text", text: prompt }] });
    if (end === null) return;
    this.#stopReason = String(end.stopReason);
    this.#finish();
  }

  /** The answer, or null after an error: the talk is over then. */
  async #ask(method: string, params: Fields): Promise<Fields | null> {
    const id = this.#nextId++;
    const { promise, resolve } = Promise.withResolvers<{ result?: Fields; error?: unknown }>();
    this.#pending.set(id, resolve);
    this.#send({ id, method, params });
    const { result, error } = await promise;
    if (error === undefined) return result ?? {};
    this.#fail(`${method} failed: ${JSON.stringify(error)?.slice(0, 200)}`);
    return null;
  }

  #fail(error: string): void {
    this.#error = error;
    this.#finish();
  }

  #send(message: Fields): void {
    this.ports.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  }

  #line(line: string): void {
    const message = objectFrom(line);
    if (message === null || message.jsonrpc !== "2.0") this.#counts.malformed++;
    else if (typeof message.method === "string") this.#called(message.method, message.id, fieldsOf(message.params));
    else this.#answered(message);
  }

  #answered({ id, result, error }: Fields): void {
    const resolve = this.#pending.get(id as number);
    if (resolve === undefined) return void this.#counts.malformed++;
    this.#pending.delete(id as number);
    resolve(error === undefined ? { result: fieldsOf(result) } : { error });
  }

  #called(method: string, id: unknown, params: Fields): void {
    if (method === "session/update") return this.#update(fieldsOf(params.update));
    if (id === undefined) return; // a notification that nobody here needs
    if (method === "session/request_permission") return this.#send({ id, result: { outcome: this.#decide(params) } });
    this.#send({ id, error: { code: METHOD_NOT_FOUND, message: `${method} is not offered` } });
  }

  #update({ sessionUpdate, content }: Fields): void {
    this.#counts.updates++;
    const { type, text } = fieldsOf(content);
    if (sessionUpdate === "agent_message_chunk" && type === "text" && typeof text === "string") {
      this.#text.add(new TextEncoder().encode(text));
    }
  }

  #decide({ options, toolCall }: Fields): Fields {
    const offered = (Array.isArray(options) ? options : []).map(fieldsOf);
    const choice = KINDS[this.policy].flatMap((kind) => offered.filter((option) => option.kind === kind))[0];
    if (this.#cancelled || choice === undefined) return { outcome: "cancelled" };
    this.#counts[this.policy === "allow" ? "allowed" : "rejected"]++;
    this.ports.note(`permission: ${String(choice.kind)} for ${String(fieldsOf(toolCall).title ?? "a tool")}`);
    return { outcome: "selected", optionId: choice.optionId };
  }
}

function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null ? value as Fields : {};
}
