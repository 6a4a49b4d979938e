/**
 * Tools of MCP servers (Model Context Protocol), through `@modelcontextprotocol/client`, which is loaded when it is first needed. A server that is a
 * command runs as a process of the agent's own, one behind http is reached from it: with the same permissions.
 *
 * @module
 */
import { KernelError } from "../base/errors.ts";
import { TOOLS_MAX } from "../base/limits.ts";
import type { ModelTool } from "../bus/model.ts";

/** Where a server of tools is. */
export type McpOptions =
  | { /** Of a server behind http. */ readonly url: string | URL; /** Gives up connecting. */ readonly signal?: AbortSignal }
  | {
    /** Program and arguments of one that speaks over stdin and stdout. */ readonly command: readonly string[]; /** Gives up connecting. */
    readonly signal?: AbortSignal;
  };

/** Tools of a server, and the connection to it. */
export interface McpTools extends AsyncDisposable {
  /** For `ctx.model.complete({ tools })`. */
  readonly tools: readonly ModelTool[];
  /** Ends the connection, and the process if it is one. */
  close(): Promise<void>;
}

/** Connects to a server and lists its tools. */
export async function mcpTools(options: McpOptions): Promise<McpTools> {
  const { Client } = await import("@modelcontextprotocol/client");
  const client = new Client({ name: "@stage3/kernel", version: "0.1.0" });
  try {
    await client.connect(await transportOf(options), { signal: options.signal });
    const { tools } = await client.listTools();
    if (tools.length > TOOLS_MAX) {
      throw new KernelError("MCP_TOOLS", `the server has ${tools.length} tools; at most ${TOOLS_MAX} are taken.`);
    }
    const close = (): Promise<void> => client.close();
    return { tools: tools.map((tool) => toolOf(client, tool)), close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await client.close();
    throw error;
  }
}

/** What of the client is used here. */
interface Caller {
  callTool(call: { name: string; arguments: Record<string, unknown> }, options: { signal: AbortSignal }): Promise<unknown>;
}

async function transportOf(options: McpOptions) {
  if ("command" in options) {
    const { StdioClientTransport } = await import("@modelcontextprotocol/client/stdio");
    const [command, ...args] = options.command;
    return new StdioClientTransport({ command, args, stderr: "ignore" });
  }
  const { StreamableHTTPClientTransport } = await import("@modelcontextprotocol/client");
  return new StreamableHTTPClientTransport(new URL(options.url));
}

function toolOf(client: Caller, tool: { name: string; description?: string; inputSchema: Readonly<Record<string, unknown>> }): ModelTool {
  return {
    name: tool.name,
    description: tool.description ?? tool.name,
    input: tool.inputSchema, // its server checks
    run: async (input: Record<string, unknown>, { signal }) => {
      const { content, isError, structuredContent } = await client.callTool({ name: tool.name, arguments: input }, { signal }) as {
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
