/**
 * Which files a behavior is made of, so that a process without any permission can still load it. The runtime knows: `deno info`.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { IsolationUnavailableError } from "../agents/isolation.ts";

/** What `deno info --json` says, as far as it is used here. */
interface ModuleGraph {
  readonly modules: readonly { readonly specifier: string }[];
}

/** Local files that a module imports, itself included. Of one that cannot be looked through it alone: importing it says what is wrong. */
export async function modulesOf(url: string, config: string | undefined): Promise<string[]> {
  if (!url.startsWith("file:")) return [];
  const args = ["info", "--json", "--no-remote", ...(config === undefined ? [] : [`--config=${config}`]), url];
  const options: Deno.CommandOptions = { args, stdin: "null", stdout: "piped", stderr: "null" };
  const { success, stdout } = await new Deno.Command(Deno.execPath(), options).output();
  const graph: ModuleGraph = success ? JSON.parse(new TextDecoder().decode(stdout)) : { modules: [{ specifier: url }] };
  const files = graph.modules.filter(({ specifier }) => specifier.startsWith("file:")).map(({ specifier }) => fileURLToPath(specifier));
  const odd = files.find((file) => file.includes(","));
  if (odd === undefined) return files;
  throw new IsolationUnavailableError("process", `${odd} has a comma in its path, which the runtime's permissions cannot name; move it.`);
}

/** The `deno.json` of the working directory, or above it: the runtime looks for one only beside a main module that is a file. Undefined where none may be read. */
export function configFile(): string | undefined {
  try {
    for (let folder = Deno.cwd(), inner = ""; folder !== inner; inner = folder, folder = dirname(folder)) {
      const path = ["deno.json", "deno.jsonc"].map((name) => join(folder, name)).find(isThere);
      if (path !== undefined) return path;
    }
  } catch (error) {
    // The working directory itself may be gone.
    if (!(error instanceof Deno.errors.NotCapable || error instanceof Deno.errors.NotFound)) throw error;
  }
  return undefined;
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    // A folder above may be closed to this user.
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied) return false;
    throw error;
  }
}
