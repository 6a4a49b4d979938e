/**
 * The main job: runs the performance scenarios on this machine and judges them. `--help` lists the options; no permission is needed.
 *
 * ```sh
 * deno run scripts/validate-stage3-performance.ts --quick  # in a checkout
 * deno run jsr:@stage3/kernel/validate --quick             # anywhere
 * ```
 *
 * @module
 */
import { exitWith, runCommand } from "./validate/command.ts";

/**
 * Does what the command line says, with this process's stdout and stderr, and resolves to the exit code: 0 every target met, 1 a target missed,
 * 2 usage or permission, 130 interrupted.
 *
 * @example
 * ```ts ignore
 * import { main } from "@stage3/kernel/validate";
 * const code = await main(["--quick", "--scenario", "baseline"]);
 * ```
 */
export async function main(argv: readonly string[]): Promise<number> {
  return await runCommand(argv);
}

if (import.meta.main) await exitWith(() => main(Deno.args));
