/**
 * A server of tools (Model Context Protocol) that is a command: one JSON message a line on its stdin and stdout. It has a process group of its own, and
 * gets few of our variables.
 *
 * @module
 */
import type { JSONRPCMessage, Transport } from "@modelcontextprotocol/client";
import { ChildGroup } from "../base/child_group.ts";
import type { Clock } from "../base/clock.ts";
import { LineCutter } from "../base/line_cutter.ts";
import { KILL_GRACE_MS, PIPES_DRAIN_MS } from "../base/limits.ts";
import { within } from "../base/pause.ts";

/** Variables without which many programs do not run; those that may be read are handed on. */
const VARIABLES: readonly string[] = ["HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "USER"];
const COMPLAINT_CHARS_KEPT = 400;

/** See the module. */
export class McpProcess implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: Transport["onmessage"];
  #child: ChildGroup | null = null;
  #input: WritableStreamDefaultWriter<Uint8Array> | null = null;
  #gone: Promise<void> = Promise.resolve();
  #closing: Promise<void> | null = null;
  #complaint = "";

  /** Starts nothing yet. */
  constructor(
    private readonly server: { readonly command: readonly string[]; readonly env?: Readonly<Record<string, string>> },
    /** `deserializeMessage` of the client's library; throws for a line that is no message. */
    private readonly parse: (line: string) => JSONRPCMessage,
    private readonly clock: Clock,
  ) {}

  /** The last of what it wrote to stderr. */
  get complaint(): string {
    return this.#complaint.trim();
  }

  /** Throws `SpawnFailedError`. */
  // deno-lint-ignore require-await -- an interface that others need time for
  async start(): Promise<void> {
    const { command, env } = this.server;
    const child = this.#child = ChildGroup.start({ command, setsid: null, onlyEnv: { ...variables(), ...env } });
    this.#input = child.stdin.getWriter();
    this.#input.closed.catch(() => undefined); // told by the write that failed
    this.#gone = this.#untilGone(child);
  }

  async send(message: JSONRPCMessage): Promise<void> {
    await this.#input?.write(new TextEncoder().encode(`${JSON.stringify(message)}\n`));
  }

  /** Ends its stdin, by which a server knows, then by signals all that is left of it. */
  close(): Promise<void> {
    return this.#closing ??= this.#child === null ? Promise.resolve() : this.#end(this.#child);
  }

  async #end(child: ChildGroup): Promise<void> {
    this.#input?.close().catch(() => undefined); // it has ended meanwhile
    if (await within(this.clock, KILL_GRACE_MS, child.status) === undefined) await child.end(this.clock, KILL_GRACE_MS);
    await this.#gone;
  }

  async #untilGone(child: ChildGroup): Promise<void> {
    const [reading, decoder, lines] = [new AbortController(), new TextDecoder(), new LineCutter((line) => this.#line(line))];
    const read = (from: ReadableStream<Uint8Array>, take: (piece: Uint8Array) => void): Promise<void> =>
      from.pipeTo(new WritableStream({ write: take }), { signal: reading.signal }).catch(() => undefined); // what it held open is let go
    const pipes = Promise.all([
      read(child.stdout, (piece) => lines.take(piece)),
      read(child.stderr, (piece) => {
        this.#complaint = (this.#complaint + decoder.decode(piece, { stream: true })).slice(-COMPLAINT_CHARS_KEPT);
      }),
    ]);
    await child.status;
    child.endRest();
    await within(this.clock, PIPES_DRAIN_MS, pipes);
    reading.abort();
    await pipes;
    await this.#input?.abort().catch(() => undefined); // closed already
    this.onclose?.();
  }

  #line(line: string): void {
    let message: JSONRPCMessage;
    try {
      message = this.parse(line);
    } catch (error) {
      return this.onerror?.(error as Error); // servers are known to print what is no message
    }
    this.onmessage?.(message);
  }
}

function variables(): Record<string, string> {
  const readable = VARIABLES.filter((variable) => Deno.permissions.querySync({ name: "env", variable }).state === "granted");
  return Object.fromEntries(readable.flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value]];
  }));
}
