/**
 * Which files a behavior is made of, so that a process without any permission can still load it. The runtime knows: `deno info`.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { IsolationUnavailableError } from "../agents/isolation.ts";

/** What `deno info --json` says, as far as it is used here. */
interface ModuleGraph {
  readonly modules: readonly { readonly specifier: string }[];
}

/** Local files that a module imports, itself included. Of one that cannot be looked through it alone: importing it says what is wrong. */
export async function modulesOf(url: string): Promise<string[]> {
  if (!url.startsWith("file:")) return [];
  const options: Deno.CommandOptions = { args: ["info", "--json", "--no-remote", url], stdin: "null", stdout: "piped", stderr: "null" };
  const { success, stdout } = await new Deno.Command(Deno.execPath(), options).output();
  const graph: ModuleGraph = success ? JSON.parse(new TextDecoder().decode(stdout)) : { modules: [{ specifier: url }] };
  const files = graph.modules.filter(({ specifier }) => specifier.startsWith("file:")).map(({ specifier }) => fileURLToPath(specifier));
  const odd = files.find((file) => file.includes(","));
  if (odd === undefined) return files;
  throw new IsolationUnavailableError("process", `${odd} has a comma in its path, which the runtime's permissions cannot name; move it.`);
}
