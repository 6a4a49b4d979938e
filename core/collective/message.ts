/**
 * Messages of the collective: what kind they are, from whom, to whom, how urgent, and which one they answer.
 *
 * @module
 */
import { InvalidArgumentError } from "../base/errors.ts";
import { COLLECTIVE_TARGETS_MAX } from "../base/limits.ts";
import { choiceAt, isPlainObject, textAt } from "../team/input.ts";

/** Kinds of messages. */
export type CollectiveMessageType = "Command" | "Query" | "Response" | "Event" | "Alert" | "Coordination";

/** The kinds. */
export const MESSAGE_TYPES: readonly CollectiveMessageType[] = ["Command", "Query", "Response", "Event", "Alert", "Coordination"];

/** How urgent a message is: the kernel's own names. */
export type CollectivePriority = "low" | "normal" | "high" | "critical";

const PRIORITIES: readonly CollectivePriority[] = ["low", "normal", "high", "critical"];

/** One message. */
export interface CollectiveMessage<Payload = unknown> {
  /** Unique. */
  readonly id: string;
  /** Who sends it. */
  readonly from: string;
  /** Who is to get it: names under which a coordinator knows agents. */
  readonly to: readonly string[];
  /** Its kind. */
  readonly type: CollectiveMessageType;
  /** How urgent it is. */
  readonly priority: CollectivePriority;
  /** What it says: `{ command, … }` of a Command, `{ query, … }` of a Query. */
  readonly payload: Payload;
  /** Time of the clock that its sender goes by. */
  readonly timestamp: number;
  /** Id of the message that it answers or belongs to. */
  readonly correlationId?: string;
}

const NAME_CHARS_MAX = 256;
let numbered = 0;

/** Throws `InvalidArgumentError` that names the field. */
export function checkedMessage(message: CollectiveMessage): CollectiveMessage {
  if (!isPlainObject(message)) throw new InvalidArgumentError("message", message, "build one with collectiveMessage().");
  for (const field of ["id", "from"] as const) nameAt(`message.${field}`, message[field]);
  choiceAt("message.type", message.type, MESSAGE_TYPES);
  choiceAt("message.priority", message.priority, PRIORITIES);
  if (!Array.isArray(message.to) || message.to.length === 0 || message.to.length > COLLECTIVE_TARGETS_MAX) {
    throw new InvalidArgumentError("message.to", message.to, `name 1 to ${COLLECTIVE_TARGETS_MAX} receivers.`);
  }
  for (const name of message.to) nameAt("message.to", name);
  return message;
}

/** A name: not empty, not endless. */
export function nameAt(field: string, value: unknown): string {
  if (value === "") throw new InvalidArgumentError(field, value, "give a name.");
  return textAt(field, value, NAME_CHARS_MAX);
}

/** Puts a message together, a field at a time; `build` checks all of it. */
export class MessageBuilder {
  readonly #clock: { now(): number };
  #from = "";
  #to: string[] = [];
  #type: CollectiveMessageType = "Command";
  #priority: CollectivePriority = "normal";
  #payload: unknown = null;
  #correlationId: string | undefined;

  /** Times come from `clock`. */
  constructor(clock: { now(): number }) {
    this.#clock = clock;
  }

  /** Who sends it. */
  from(name: string): this {
    this.#from = name;
    return this;
  }

  /** Who is to get it, besides those named before. */
  to(...names: string[]): this {
    this.#to.push(...names);
    return this;
  }

  /** Default Command. */
  type(type: CollectiveMessageType): this {
    this.#type = type;
    return this;
  }

  /** Default normal. */
  priority(priority: CollectivePriority): this {
    this.#priority = priority;
    return this;
  }

  /** What it says. */
  payload(payload: unknown): this {
    this.#payload = payload;
    return this;
  }

  /** A command with what it needs. */
  command(command: string, params: Readonly<Record<string, unknown>> = {}): this {
    return this.type("Command").payload({ command, ...params });
  }

  /** A query with what it needs. */
  query(query: string, params: Readonly<Record<string, unknown>> = {}): this {
    return this.type("Query").payload({ query, ...params });
  }

  /** It belongs to another. */
  correlatesTo(message: string | CollectiveMessage): this {
    this.#correlationId = typeof message === "string" ? message : message.id;
    return this;
  }

  /** The message. Throws `InvalidArgumentError` that names what is missing. */
  build(): CollectiveMessage {
    const timestamp = this.#clock.now();
    return checkedMessage({
      id: messageId(this.#from, timestamp),
      ...{ from: this.#from, to: [...new Set(this.#to)], type: this.#type, priority: this.#priority, payload: this.#payload, timestamp },
      ...(this.#correlationId === undefined ? {} : { correlationId: this.#correlationId }),
    });
  }
}

/** Unique as long as a name is used on one thread at a time. */
export function messageId(from: string, timestamp: number): string {
  return `${from}-${Math.floor(timestamp).toString(36)}-${(numbered++).toString(36)}`;
}

/** Begins a message. */
export function collectiveMessage(clock: { now(): number }): MessageBuilder {
  return new MessageBuilder(clock);
}
