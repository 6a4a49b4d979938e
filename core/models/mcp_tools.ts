/**
 * Tools of MCP servers (Model Context Protocol), through `@modelcontextprotocol/client`, which is loaded when it is first needed. A server that is a
 * command runs as a process of the agent's own, one behind http is reached from it: with the same permissions.
 *
 * @module
 */
import { SystemClock } from "../base/clock.ts";
import { KernelError } from "../base/errors.ts";
import { MCP_TIMEOUT_MS, TOOLS_MAX } from "../base/limits.ts";
import type { ModelTool } from "../bus/model.ts";
import { McpProcess } from "./mcp_process.ts";

/** How a server of tools is used. */
export interface McpUse {
  /** Gives up connecting, which has 60 s. */
  readonly signal?: AbortSignal;
  /** A call of a tool has so long, and ends earlier when its asker does. Default 60,000. */
  readonly timeoutMs?: number;
}

/** Where a server of tools is. */
export type McpOptions =
  & McpUse
  & (
    | { /** Of a server behind http. */ readonly url: string | URL }
    | {
      /** Program and arguments of one that speaks over stdin and stdout. */
      readonly command: readonly string[];
      /** Its variables, on top of PATH, HOME and the like. Nothing else of ours reaches it: keys are none of its business. */
      readonly env?: Readonly<Record<string, string>>;
    }
  );

/** Tools of a server, and the connection to it. */
export interface McpTools extends AsyncDisposable {
  /** For `ctx.model.complete({ tools })`. */
  readonly tools: readonly ModelTool[];
  /** Ends the connection, and the process if it is one, with all that it has started. */
  close(): Promise<void>;
}

/**
 * Connects to a server and lists its tools. Rejects with `McpConnectionError`, `McpTimeoutError` or the signal's reason, and so do its tools; what a server
 * says against a call is `ToolFailedError`.
 */
export async function mcpTools(options: McpOptions): Promise<McpTools> {
  const library = await import("@modelcontextprotocol/client");
  const { signal, timeoutMs = MCP_TIMEOUT_MS } = options;
  signal?.throwIfAborted();
  const client = new library.Client({ name: "@stage3/kernel", version: "0.1.0" });
  const transport = "command" in options
    ? new McpProcess(options, library.deserializeMessage, new SystemClock(0))
    : new library.StreamableHTTPClientTransport(new URL(options.url));
  const server: Server = { client, timeoutMs, name: String("command" in options ? options.command[0] : options.url), transport };
  const close = async (): Promise<void> => {
    await client.close();
    await transport.close(); // the client does not wait for one that it gave up connecting to
  };
  try {
    const { tools } = await told({ ...server, timeoutMs: MCP_TIMEOUT_MS }, signal, async () => {
      await client.connect(transport, { signal, timeout: MCP_TIMEOUT_MS });
      return await client.listTools(undefined, { signal, timeout: MCP_TIMEOUT_MS });
    });
    if (tools.length > TOOLS_MAX) {
      throw new KernelError("MCP_TOOLS", `the server has ${tools.length} tools; at most ${TOOLS_MAX} are taken.`);
    }
    return { tools: tools.map((tool) => toolOf(server, tool)), close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Server {
  /** What of the client is used here. */
  readonly client: {
    callTool(
      call: { name: string; arguments: Record<string, unknown> },
      options: { signal: AbortSignal; timeout: number },
    ): Promise<unknown>;
  };
  readonly timeoutMs: number;
  readonly name: string;
  readonly transport: object;
}

function toolOf(server: Server, tool: { name: string; description?: string; inputSchema: Readonly<Record<string, unknown>> }): ModelTool {
  const { client, timeoutMs: timeout } = server;
  return {
    name: tool.name,
    description: tool.description ?? tool.name,
    input: tool.inputSchema, // its server checks
    run: async (input: Record<string, unknown>, { signal }) => {
      signal.throwIfAborted();
      const call = (): Promise<unknown> => client.callTool({ name: tool.name, arguments: input }, { signal, timeout });
      const { content, isError, structuredContent } = await told(server, signal, call, tool.name) as {
        content?: readonly { type: string; text?: string }[];
        isError?: boolean;
        structuredContent?: unknown;
      };
      const text = (content ?? []).map((block) => block.text ?? `[${block.type}]`).join("\n");
      if (isError) throw new KernelError("TOOL_FAILED", text || `${tool.name} failed`, { tool: tool.name });
      return text === "" && structuredContent !== undefined ? structuredContent : text;
    },
  };
}

/** What `act` comes to; what goes wrong, as the kernel says it. */
async function told<T>(server: Server, signal: AbortSignal | undefined, act: () => Promise<T>, tool?: string): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    if (signal?.aborted) throw signal.reason;
    const { name, timeoutMs, transport } = server;
    const { code, message } = cause as { code?: unknown; message: string };
    const data = { server: name, ...(tool === undefined ? {} : { tool }) };
    if (code === "REQUEST_TIMEOUT") {
      const why = `${tool ?? name} has not answered for ${timeoutMs} ms; give timeoutMs for a tool that takes longer.`;
      throw new KernelError("MCP_TIMEOUT", why, { ...data, timeoutMs }, { cause });
    }
    // The protocol's own errors are numbers: the server is there, and says no.
    if (tool !== undefined && typeof code === "number") throw new KernelError("TOOL_FAILED", message, data, { cause });
    const complaint = transport instanceof McpProcess && transport.complaint !== "" ? ` It said: ${transport.complaint}` : "";
    throw new KernelError("MCP_CONNECTION", `the server of tools ${name} is not there: ${message}${complaint}`, data, { cause });
  }
}
