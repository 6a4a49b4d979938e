/**
 * The context of one message of an agent that handles several at a time: its reply and its signal are the message's, all else is the agent's.
 *
 * @module
 */
import type { AgentId, Priority } from "../bus/message.ts";
import type {
  AgentContext,
  AgentMetrics,
  AgentModel,
  AgentStore,
  AskOptions,
  PublishOptions,
  SendOptions,
  SendResult,
  SpawnConfig,
  SubscribeOptions,
} from "./agent.ts";
import type { Delivery } from "./delivery.ts";
import type { HostedAgent } from "./hosted_agent.ts";

/** A view on an agent for one of its messages. */
export class HandlerContext implements AgentContext {
  /** `delivery` is what it is for. */
  constructor(private readonly agent: HostedAgent, private readonly delivery: Delivery) {}

  get id(): AgentId {
    return this.agent.id;
  }

  get self(): AgentId {
    return this.agent.id;
  }

  get type(): string {
    return this.agent.type;
  }

  get host(): number {
    return this.agent.host;
  }

  get capabilities(): readonly string[] {
    return this.agent.capabilities;
  }

  get state(): unknown {
    return this.agent.state;
  }

  set state(state: unknown) {
    this.agent.state = state;
  }

  get signal(): AbortSignal {
    return this.agent.signalOf(this.delivery);
  }

  get clock(): { now(): number } {
    return this.agent.clock;
  }

  get store(): AgentStore {
    return this.agent.store;
  }

  get model(): AgentModel {
    return this.agent.modelFor(this.delivery);
  }

  get metrics(): AgentMetrics {
    return this.agent.metrics;
  }

  send(to: AgentId, payload: unknown, options?: SendOptions): Promise<void> | undefined {
    return this.agent.send(to, payload, options);
  }

  multicast(to: readonly AgentId[], payload: unknown, options?: SendOptions): Promise<SendResult[]> {
    return this.agent.multicast(to, payload, options);
  }

  ask<Reply>(to: AgentId, payload: unknown, options?: AskOptions): Promise<Reply> {
    return this.agent.ask(to, payload, options);
  }

  reply(payload: unknown): void {
    this.agent.replyTo(this.delivery, payload);
  }

  spawn(type: string, config?: SpawnConfig): Promise<AgentId> {
    return this.agent.spawn(type, config);
  }

  terminate(id: AgentId): Promise<void> {
    return this.agent.terminate(id);
  }

  publish(topic: string, payload: unknown, priority?: Priority, options?: PublishOptions): boolean {
    return this.agent.publish(topic, payload, priority, options);
  }

  subscribe(pattern: string, options?: SubscribeOptions): number {
    return this.agent.subscribe(pattern, options);
  }

  log(text: string, data?: unknown): void {
    this.agent.log(text, data);
  }
}
