/**
 * The five benchmarks of orchestration, beside the figures of the owner's document. `--help` lists the options; no permission is needed.
 *
 * ```sh
 * deno run scripts/orchestration_benchmark.ts
 * deno run --allow-write=bench.md scripts/orchestration_benchmark.ts --report bench.md
 * ```
 *
 * @module
 */
import { runBenchmarkCommand } from "./orchestration_benchmark/command.ts";
import { exitWith } from "./validate/command.ts";

if (import.meta.main) await exitWith(() => runBenchmarkCommand(Deno.args));
