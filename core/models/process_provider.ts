/**
 * A command that stands for a model: started anew for each request, the prompt on its stdin, its answer on its stdout. The command is a list of
 * arguments and never goes through a shell. `{model}` in an argument becomes the model's name. It has a process group of its own, and what it has
 * started in it ends with it.
 *
 * @module
 */
import { ChildGroup, SpawnFailedError } from "../base/child_group.ts";
import type { Cancel, Clock } from "../base/clock.ts";
import { KILL_GRACE_MS, MODEL_PROCESS_BYTES_MAX, PIPES_DRAIN_MS } from "../base/limits.ts";
import { ModelError } from "./model_errors.ts";
import type { ModelConnection, ModelProvider, ProviderReply, ProviderRequest } from "./model_provider.ts";
import { checkRun } from "./provider_access.ts";

/** What is run. */
export interface ProcessPlan {
  /** As results and errors name it. */
  readonly name: string;
  /** Program and arguments. */
  readonly command: readonly string[];
  /** Default of `{model}`. */
  readonly model?: string;
  /** For the time between SIGTERM and SIGKILL. */
  readonly clock: Clock;
}

const ERROR_CHARS_KEPT = 400;

/** A command. It does not say what it used, so neither tokens nor money can be bounded. */
export function processProvider(plan: ProcessPlan): ModelProvider {
  const { name, command, model } = plan;
  const takesModel = command.some((part) => part.includes("{model}"));
  return {
    ...{ name, isLocal: false, reportsUsage: false, startsProcess: true },
    defaultModel: model ?? (takesModel ? undefined : command[0]),
    models: takesModel ? undefined : [command[0]],
    check: () => checkRun(name, command[0]),
    open: () => Promise.resolve({ send: (...request) => runOnce(plan, ...request), isUsable: () => true, close: () => undefined }),
  } satisfies ModelProvider;
}

/** The whole conversation as one text: a command has one stdin. */
export function promptOf({ messages, system }: Pick<ProviderRequest, "messages" | "system">): string {
  const head = system === undefined ? "" : `${system}\n\n`;
  if (messages.length === 1) return head + messages[0].content;
  return head + messages.map(({ role, content }) => `${role}: ${content}`).join("\n\n");
}

async function runOnce(plan: ProcessPlan, ...[request, signal, onText]: Parameters<ModelConnection["send"]>): Promise<ProviderReply> {
  const { name, clock, command: [program, ...rest] } = plan;
  if (signal.aborted) throw signal.reason;
  const child = start(name, [program, ...rest.map((part) => part.replaceAll("{model}", request.model))]);
  const stop = (): void => void child.end(clock, KILL_GRACE_MS);
  signal.addEventListener("abort", stop, { once: true });
  const [answer, complaint] = [new Pipe(child.stdout, onText, () => child.signal("SIGKILL")), new Pipe(child.stderr, () => undefined)];
  let cancelDrain: Cancel | undefined;
  try {
    const stdin = child.stdin.getWriter();
    const writing = writePrompt(stdin, promptOf(request));
    const status = await child.status;
    child.endRest();
    // What has left its group may hold its pipes open for ever.
    cancelDrain = clock.schedule(PIPES_DRAIN_MS, () => {
      for (const pipe of [answer, complaint]) pipe.stop();
      stdin.abort().catch(() => undefined); // it is closed already
    });
    await Promise.all([answer.done, complaint.done, writing]);
    if (signal.aborted) throw signal.reason;
    if (answer.isTooLong) {
      throw new ModelError("MODEL_COMMAND", name, `it wrote more than ${MODEL_PROCESS_BYTES_MAX} bytes and was stopped`);
    }
    if (!status.success) {
      const said = complaint.text.trim().slice(-ERROR_CHARS_KEPT);
      const data = { exitCode: status.code, exitSignal: status.signal };
      throw new ModelError("MODEL_COMMAND", name, `${program} ended with exit status ${status.code}${said === "" ? "" : `: ${said}`}`, {
        data,
      });
    }
    return { text: answer.text.replace(/\n$/, ""), toolCalls: [], stopReason: "end", model: request.model, usage: null };
  } finally {
    signal.removeEventListener("abort", stop);
    cancelDrain?.();
  }
}

/** Without setsid(1): to look for it, the permission to read would be needed. */
function start(name: string, command: readonly string[]): ChildGroup {
  try {
    return ChildGroup.start({ command, setsid: null });
  } catch (error) {
    const cause = error instanceof SpawnFailedError ? error.cause : error;
    const [program] = command;
    const why = cause instanceof Deno.errors.NotFound ? `${program} was not found in PATH` : `${program} could not be started: ${cause}`;
    throw new ModelError("MODEL_COMMAND", name, why, { cause });
  }
}

/** A command need not read its prompt to the end: whether it did its work is said by its exit status. */
async function writePrompt(stdin: WritableStreamDefaultWriter<Uint8Array>, prompt: string): Promise<void> {
  try {
    await stdin.write(new TextEncoder().encode(prompt));
    await stdin.close();
  } catch {
    // It has closed its stdin, or has ended.
  }
}

/** One pipe of a command, read to its end or its bound. Invalid UTF-8 becomes U+FFFD. */
class Pipe {
  text = "";
  isTooLong = false;
  /** Resolves when it has been read, or is read no more. */
  readonly done: Promise<void>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(from: ReadableStream<Uint8Array>, private readonly onText: (piece: string) => void, onTooLong: () => void = () => undefined) {
    this.#reader = from.getReader();
    this.done = this.#read(onTooLong);
  }

  /** Reads no more. */
  stop(): void {
    this.#reader.cancel().catch(() => undefined); // it has ended meanwhile
  }

  async #read(onTooLong: () => void): Promise<void> {
    const decoder = new TextDecoder();
    let bytes = 0;
    for (let { done, value } = await this.#reader.read(); !done; { done, value } = await this.#reader.read()) {
      bytes += value!.length;
      if (bytes <= MODEL_PROCESS_BYTES_MAX) this.#add(decoder.decode(value, { stream: true }));
      else if (!this.isTooLong) {
        this.isTooLong = true;
        onTooLong();
      }
    }
    this.#add(decoder.decode());
  }

  #add(piece: string): void {
    if (piece === "") return;
    this.text += piece;
    this.onText(piece);
  }
}
