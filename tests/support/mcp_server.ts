/** A server of tools over stdin and stdout, some of which fail in the ways in which programs do. */
import { McpServer } from "@modelcontextprotocol/server";
import { StdioServerTransport } from "@modelcontextprotocol/server/stdio";
import { z } from "zod";

const server = new McpServer({ name: "numbers", version: "1.0.0" });
const text = (said: unknown) => ({ content: [{ type: "text" as const, text: String(said) }] });
const inputSchema = z.object({ n: z.number() });

server.registerTool("double", { description: "Doubles.", inputSchema }, ({ n }) => text(2 * n));
server.registerTool("refuse", { description: "Says that it cannot.", inputSchema }, ({ n }) => ({ ...text(`not ${n}`), isError: true }));
server.registerTool(
  "group",
  { description: "Says its process group: the number of whoever started it.", inputSchema },
  () => text(Deno.ppid),
);
server.registerTool("crash", { description: "Ends the server in the middle of a call.", inputSchema }, () => Deno.exit(7));
server.registerTool("hang", { description: "Never answers.", inputSchema }, () => new Promise(() => undefined));
await server.connect(new StdioServerTransport());
