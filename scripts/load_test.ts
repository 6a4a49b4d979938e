/**
 * The load test: agents on the kernel's threads write to each other, receivers count, and every figure of the owner's document stands beside ours.
 * `--help` lists the options; no permission is needed.
 *
 * ```sh
 * deno run scripts/load_test.ts --scenario all
 * deno run --allow-write=load.md,load.json scripts/load_test.ts --scenario extreme --report load.md --report load.json
 * ```
 *
 * @module
 */
import { runLoadCommand } from "./load_test/command.ts";
import { exitWith } from "./validate/command.ts";

if (import.meta.main) await exitWith(() => runLoadCommand(Deno.args));
