/**
 * The main thread's side of models: it takes the requests of all threads to the desk, keeps open streams until they are read, and notes what each task
 * uses.
 *
 * @module
 */
import { InvalidArgumentError, KernelError } from "../base/errors.ts";
import { MODEL_CALLS_OPEN_MAX, MODEL_STREAM_CHARS_MAX } from "../base/limits.ts";
import type { AgentId } from "../bus/message.ts";
import type { ModelReply } from "../bus/model.ts";
import type { TaskDefinition, TaskUse } from "../bus/task.ts";
import type { ModelOrder, StreamPart } from "./agent_model.ts";
import type { ModelDesk } from "./model_desk.ts";

/** A task that runs, and what it may be asked about. */
interface RunningTask {
  readonly use: TaskUse;
  readonly model: string | undefined;
}

/** A stream that is read piece by piece. */
interface OpenStream {
  pieces: string[];
  chars: number;
  reply?: ModelReply;
  error?: { readonly reason: unknown };
  /** Whoever waits for the next piece. */
  wake?: () => void;
}

/** The office of one kernel. */
export class ModelOffice {
  /** Requests of threads; bounded by the desk. */
  readonly #calls = new Map<string, AbortController>();
  readonly #streams = new Map<string, OpenStream>();
  /** Tasks that run, by agent and id; bounded by the executor. */
  readonly #tasks = new Map<string, RunningTask[]>();

  /** Takes everything to `desk`. */
  constructor(private readonly desk: ModelDesk) {}

  /** What threads may call. */
  get calls(): Readonly<Record<string, (argument: unknown) => unknown>> {
    return {
      model: (order) => this.#ask(order as ModelOrder),
      modelOpen: (order) => this.#open(order as ModelOrder),
      modelNext: (callId) => this.#next(callId as string),
      modelCancel: (callId) => this.#cancel(callId as string, new KernelError("CANCELLED", "its caller has given it up.")),
    };
  }

  /** While `work` runs, what the agent asks for this task is noted in `use`. */
  async during<Value>(agentId: AgentId, { id, model }: TaskDefinition, use: TaskUse, work: () => Promise<Value>): Promise<Value> {
    const key = keyOf(agentId, id);
    const running: RunningTask = { use, model };
    const list = this.#tasks.get(key);
    if (list === undefined) this.#tasks.set(key, [running]);
    else list.push(running);
    try {
      return await work();
    } finally {
      const rest = this.#tasks.get(key)!.filter((other) => other !== running);
      if (rest.length === 0) this.#tasks.delete(key);
      else this.#tasks.set(key, rest);
    }
  }

  /** Does a task by asking the agent's model for its objective. */
  async perform(
    agentId: AgentId,
    task: TaskDefinition,
    { timeoutMs, signal, use }: { readonly timeoutMs: number; readonly signal: AbortSignal; readonly use: TaskUse },
  ): Promise<string> {
    const { objective, input, model, constraints } = task;
    const prompt = input === undefined ? objective : `${objective}\n\n${textOf(input)}`;
    const request = { prompt, maxTokens: constraints?.maxTokens, timeoutMs };
    const reply = await this.desk.ask({ agentId, request, taskModel: model, signal, isTimed: true, onSent: () => use.sent() });
    use.add(reply);
    return reply.text;
  }

  /** A thread has died: nobody waits for its requests any more. */
  abandon(host: number): void {
    for (const callId of this.#calls.keys()) {
      if (callId.startsWith(`${host}:`)) this.#cancel(callId, new KernelError("CANCELLED", `thread ${host} has died.`));
    }
  }

  /** Gives up everything. */
  close(): void {
    for (const callId of this.#calls.keys()) this.#cancel(callId, new KernelError("CANCELLED", "the manager has been shut down."));
  }

  async #ask(order: ModelOrder, onText?: (piece: string) => void): Promise<ModelReply> {
    const { callId, agentId, taskId, request, tools } = order;
    const abort = new AbortController();
    this.#calls.set(callId, abort);
    const task = taskId === undefined ? undefined : this.#tasks.get(keyOf(agentId, taskId))?.[0];
    try {
      const onSent = task === undefined ? undefined : (): () => void => task.use.sent();
      const reply = await this.desk.ask({ agentId, request, tools, taskModel: task?.model, signal: abort.signal, onText, onSent });
      task?.use.add(reply);
      return reply;
    } finally {
      this.#calls.delete(callId);
    }
  }

  #open(order: ModelOrder): void {
    if (this.#streams.size >= MODEL_CALLS_OPEN_MAX) {
      throw new KernelError(
        "MODEL_CALLS_OPEN",
        `${MODEL_CALLS_OPEN_MAX} streams of models are open. Read some of them to their end first.`,
      );
    }
    const stream: OpenStream = { pieces: [], chars: 0 };
    this.#streams.set(order.callId, stream);
    this.#ask(order, (piece) => this.#take(order.callId, stream, piece)).then(
      (reply) => stream.reply = reply,
      (reason) => stream.error = { reason },
    ).finally(() => stream.wake?.());
  }

  /** A reader that does not read would have the whole answer kept here: it is a bound, since an answer is no longer than a message. */
  #take(callId: string, stream: OpenStream, piece: string): void {
    stream.pieces.push(piece);
    stream.chars += piece.length;
    stream.wake?.();
    if (stream.chars <= MODEL_STREAM_CHARS_MAX) return;
    // It stays open: its reader is told behind what it has not read.
    this.#calls.get(callId)?.abort(
      new KernelError("STREAM_TOO_LONG", `more than ${MODEL_STREAM_CHARS_MAX} characters wait for the stream's reader.`),
    );
  }

  async #next(callId: string): Promise<StreamPart> {
    const stream = this.#streams.get(callId);
    if (stream === undefined) throw new InvalidArgumentError("callId", callId, "no such stream is open.");
    while (stream.pieces.length === 0 && stream.reply === undefined && stream.error === undefined) {
      await new Promise<void>((resolve) => stream.wake = resolve);
    }
    stream.wake = undefined;
    const { pieces, reply, error } = stream;
    if (pieces.length > 0) return { pieces: taken(stream) }; // the end is next: pieces and reply together may be too long for a message
    this.#streams.delete(callId);
    if (error !== undefined) throw error.reason;
    return { pieces, reply };
  }

  #cancel(callId: string, reason: Error): void {
    this.#streams.delete(callId);
    this.#calls.get(callId)?.abort(reason);
  }
}

/** Characters of a stream that are handed on at a time: however they are encoded, they fit into a message. */
const PART_CHARS = 65_536;

/** What waits, as far as it surely fits into a message. */
function taken(stream: OpenStream): string[] {
  const { pieces } = stream;
  let [count, chars] = [0, 0];
  while (count < pieces.length && chars + pieces[count].length <= PART_CHARS) chars += pieces[count++].length;
  if (count === 0) {
    // Not between the halves of a character: each half alone would become another.
    chars = PART_CHARS - (/[\ud800-\udbff]/.test(pieces[0][PART_CHARS - 1]) ? 1 : 0);
    const part = pieces[0].slice(0, chars);
    pieces[0] = pieces[0].slice(chars);
    stream.chars -= chars;
    return [part];
  }
  stream.chars -= chars;
  return pieces.splice(0, count);
}

function keyOf(agentId: AgentId, taskId: string): string {
  return `${agentId}\n${taskId}`;
}

function textOf(input: unknown): string {
  return typeof input === "string" ? input : JSON.stringify(input, null, 2) ?? String(input);
}
