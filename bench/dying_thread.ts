/**
 * A scenario in which a thread dies halfway: what becomes of its agents and messages is in the report, and the targets are the same as ever.
 * Takes the options of the main job, and first how the thread is to end.
 *
 * ```sh
 * deno run bench/dying_thread.ts throw                     # peak-load-validation, 30 s
 * deno run bench/dying_thread.ts hang --duration 240000    # at its documented duration
 * ```
 *
 * @module
 */
import { killThreadUnderLoad, type ThreadEnd } from "../core/testing.ts";
import { ScenarioRunner, type ValidatorOptions } from "../core/validation/scenario_runner.ts";
import { runCommand, system } from "../scripts/validate/command.ts";

const ENDS: readonly ThreadEnd[] = ["throw", "exit", "hang", "heap"];
const DURATION_MS = 30_000;
/** Longer than the 5 s after which a scenario gives a thread up. */
const HANG_MS = 8_000;

const [how, ...rest] = Deno.args;
if (!ENDS.includes(how as ThreadEnd)) {
  console.error(`say how the thread is to end: ${ENDS.join(", ")}; then options of the main job.`);
  Deno.exit(2);
}
const makeValidator = (options: ValidatorOptions): ScenarioRunner => {
  const durationMs = options.durationMs ?? DURATION_MS;
  return new ScenarioRunner({ ...options, durationMs, parts: killThreadUnderLoad(how as ThreadEnd, durationMs / 2, 1, HANG_MS) });
};
const scenario = rest.includes("--scenario") ? [] : ["--scenario", "peak-load"];
Deno.exit(await runCommand([...scenario, ...rest], { ...system, makeValidator }));
