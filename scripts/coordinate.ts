/**
 * Runs agents as processes for the requests in a folder. `--help` lists the options.
 *
 * ```sh
 * deno run --allow-read --allow-write --allow-run --allow-env scripts/coordinate.ts .swarm --max 3 --once -- claude -p
 * ```
 *
 * @module
 */
import { isKernelError } from "../core/base/errors.ts";
import { EXIT, runCoordinate } from "./coordinate/command.ts";

/**
 * Does what the command line says and resolves to the exit code: 0 all completed, 1 a request failed or was rejected, 2 usage, permission or a command that
 * cannot be run, 130 interrupted.
 */
export async function main(argv: readonly string[]): Promise<number> {
  return await runCoordinate(argv);
}

if (import.meta.main) {
  try {
    Deno.exit(await main(Deno.args));
  } catch (error) {
    console.error(`the coordinator broke: ${isKernelError(error) ? `${error.name}: ${error.message}` : (error as Error)?.stack ?? error}`);
    Deno.exit(EXIT.failed);
  }
}
